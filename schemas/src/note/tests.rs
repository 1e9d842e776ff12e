#![allow(clippy::unwrap_used)]

use super::*;
use crate::golden;
use crate::sign::SecretKey;
use data_encoding::BASE64;

/// The example of the documentation of golang.org/x/mod/sumdb/note.
const VKEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const SEED: &str = "AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
const TEXT: &str = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
const SIGNED: &str = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n\
    — PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

fn peter() -> Signer {
    let seed = BASE64.decode(SEED.as_bytes()).unwrap();
    Signer::new("PeterNeumann", SecretKey::from_seed(seed[1..].try_into().unwrap())).unwrap()
}

fn alice() -> Signer {
    Signer::new("example.org/log", SecretKey::from_seed([7; 32])).unwrap()
}

fn keys(signers: &[&Signer]) -> Vec<VerifierKey> {
    signers.iter().map(|signer| signer.verifier().clone()).collect()
}

#[test]
fn the_vectors_of_go_are_ours() {
    let key: VerifierKey = VKEY.parse().unwrap();
    assert_eq!(key.to_string(), VKEY);
    assert_eq!(peter().verifier(), &key);
    assert_eq!(Note::sign(TEXT, &[&peter()]).unwrap().to_string(), SIGNED);
    let note = Note::parse(SIGNED.as_bytes()).unwrap();
    assert_eq!(note.text(), TEXT);
    let trusted = [key];
    assert_eq!(note.verify(&trusted).unwrap(), [&trusted[0]]);
}

#[test]
fn a_note_counts_only_for_keys_that_are_trusted() {
    let note = Note::sign(TEXT, &[&alice(), &peter()]).unwrap();
    assert_eq!(Note::parse(note.to_string().as_bytes()).unwrap(), note);
    assert_eq!(note.verify(&keys(&[&peter(), &alice()])).unwrap().len(), 2);
    assert_eq!(note.verify(&keys(&[&alice()])).unwrap()[0].name(), "example.org/log");
    let stranger = Signer::new("example.org/log", SecretKey::from_seed([8; 32])).unwrap();
    assert_eq!(note.verify(&keys(&[&stranger])), Err(NoteError::Untrusted));
    assert_eq!(note.verify(&[]), Err(NoteError::Untrusted));
}

#[test]
fn no_byte_of_a_note_may_change() {
    let trusted = keys(&[&peter()]);
    for at in 0..SIGNED.len() {
        for flip in [0x01, 0x20, 0x80] {
            let mut bytes = SIGNED.as_bytes().to_vec();
            bytes[at] ^= flip;
            let verdict = Note::parse(&bytes).and_then(|note| note.verify(&trusted).map(drop));
            assert!(verdict.is_err(), "byte {at} flipped by {flip:#x} was accepted");
        }
    }
}

#[test]
fn notes_are_refused_with_a_reason() {
    let bad_base64 = SIGNED.replace("AM=\n", "AN=\n");
    let line = SIGNED.rsplit_once("\n\n").unwrap().1;
    let cases: [(&str, NoteError); 11] = [
        ("", NoteError::Text),
        ("text\n", NoteError::NoSignatures),
        ("text\n\n", NoteError::NoSignatures),
        ("text\n\n— a", NoteError::Text),
        ("text\r\n\n— a AAAAAAA=\n", NoteError::Text),
        ("text\u{85}\n\n— a AAAAAAA=\n", NoteError::Text),
        ("text\n\n- a AAAAAAA=\n", NoteError::SignatureLine),
        ("text\n\n— a+b AAAAAAA=\n", NoteError::Name),
        ("text\n\n— a AAAAAA==\n", NoteError::SignatureLine),
        (&bad_base64, NoteError::SignatureLine),
        (&format!("{SIGNED}{line}"), NoteError::TwiceSigned("PeterNeumann".into())),
    ];
    for (note, reason) in cases {
        assert_eq!(Note::parse(note.as_bytes()), Err(reason), "{note:?}");
    }
    let many: String = (0..65).map(|n| format!("— k{n} AAAAAAA=\n")).collect();
    assert_eq!(Note::parse(format!("text\n\n{many}").as_bytes()), Err(NoteError::TooLarge));
    assert_eq!(Note::parse(&vec![b'a'; NOTE_BYTES + 1]), Err(NoteError::TooLarge));
    assert_eq!(Note::sign("no newline", &[&peter()]), Err(NoteError::Text));
    assert_eq!(Note::sign("text\n", &[]), Err(NoteError::NoSignatures));
    assert_eq!(Note::sign("text\n", &[&peter(), &peter()]), Err(NoteError::TwiceSigned("PeterNeumann".into())));
}

#[test]
fn verifier_keys_are_refused_with_a_reason() {
    let identity = {
        let mut bytes = [0; 33];
        bytes[..2].copy_from_slice(&[1, 1]);
        format!("a+00000000+{}", BASE64.encode(&bytes))
    };
    let cases = [
        ("PeterNeumann", NoteError::VerifierKey),
        ("PeterNeumann+c74f20a3", NoteError::VerifierKey),
        ("PeterNeumann+C74F20A3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", NoteError::VerifierKey),
        ("PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", NoteError::KeyHash),
        ("PeterNeumann+c74f20a3c7+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", NoteError::KeyHash),
        ("PeterNeuman+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", NoteError::KeyHash),
        ("PeterNeumann+c74f20a3+BBpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", NoteError::VerifierKey),
        ("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW ", NoteError::VerifierKey),
        ("Peter Neumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", NoteError::Name),
        ("+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", NoteError::Name),
        (&identity, NoteError::WeakKey),
    ];
    for (text, reason) in cases {
        assert_eq!(text.parse::<VerifierKey>(), Err(reason), "{text}");
    }
}

fn checkpoint() -> Checkpoint {
    Checkpoint { origin: "cairn.example/demo/0".into(), size: 42, root: [0xab; 32], extensions: vec!["state 7".into()] }
}

#[test]
fn a_checkpoint_reads_back_and_keeps_its_bytes() {
    let note = checkpoint().sign(&[&alice()]).unwrap().to_string();
    let trusted = keys(&[&alice()]);
    let (read, by) = Checkpoint::open(note.as_bytes(), &trusted).unwrap();
    assert_eq!((read, by), (checkpoint(), vec![&trusted[0]]));
    golden::check("checkpoint.txt", note.as_bytes());
    golden::check("vkey.txt", alice().verifier().to_string().as_bytes());
}

#[test]
fn a_checkpoint_is_read_strictly() {
    let root = BASE64.encode(&[0xab; 32]);
    let good = format!("origin\n42\n{root}\n");
    assert_eq!(Checkpoint::parse(&good).unwrap().size, 42);
    for bad in [
        String::new(),
        format!("\n42\n{root}\n"),
        format!("origin\n042\n{root}\n"),
        format!("origin\n+42\n{root}\n"),
        format!("origin\n18446744073709551616\n{root}\n"),
        "origin\n42\n".into(),
        format!("origin\n42\n{}\n", &root[..40]),
        format!("origin\n42\n{root}\n\n"),
        format!("origin\n42\n{root}"),
    ] {
        assert!(Checkpoint::parse(&bad).is_err(), "{bad:?}");
    }
    let split = Checkpoint { origin: "a\n1".into(), ..checkpoint() };
    assert!(split.sign(&[&alice()]).is_err());
    let extended = Checkpoint { extensions: vec!["one\ntwo".into()], ..checkpoint() };
    assert!(extended.sign(&[&alice()]).is_err());
}
