//! Keys and signatures: Ed25519 with one rule of verification, ZIP 215, single and in batches.
//!
//! Owns secret keys (ed25519-dalek), public keys as did:key, signatures, and the domain tags of binary statements.
//! Refuses files and key stores, and any verdict that depends on how signatures were grouped: ed25519-zebra verifies both ways.

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use ed25519_dalek::Signer;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::{fmt, str::FromStr};
use zeroize::Zeroizing;

/// Multicodec `ed25519-pub` as an unsigned varint, the prefix inside a did:key.
const ED25519_PUB: [u8; 2] = [0xed, 0x01];
/// The scheme and the multibase letter of base58btc.
const DID_KEY: &str = "did:key:z";
/// Longest base58 text of 34 bytes; longer text is refused unread, for decoding is quadratic.
const BASE58_CHARS: usize = 47;
/// Signatures checked in one multiplication. Larger batches gain little and lose more to one bad signature.
const BATCH: usize = 256;
/// A failed batch is asked again in parts of this size, and a failed part one by one: at most about twice the work.
const PART: usize = 16;

/// A text or a byte string is not a usable key or signature.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    #[error("not a did:key of an Ed25519 key; it looks like did:key:z6Mk…")]
    DidKey,
    #[error("the key's bytes are not the canonical encoding of a point on the curve")]
    NotCanonical,
    #[error("the key has a small-order part; generate it anew with `cairn keygen`")]
    Torsion,
    #[error("not a secret key: 64 lowercase hexadecimal digits are expected")]
    Seed,
    #[error("not a signature: 64 bytes are expected")]
    Signature,
    #[error("the operating system gave no randomness")]
    Randomness,
}

/// An Ed25519 secret key. It never prints, and is overwritten when dropped.
#[derive(Clone)]
pub struct SecretKey(ed25519_dalek::SigningKey);

impl SecretKey {
    /// A new key from the operating system's randomness.
    pub fn generate() -> Result<Self, KeyError> {
        let mut seed = Zeroizing::new([0u8; 32]);
        getrandom::fill(&mut *seed).map_err(|_| KeyError::Randomness)?;
        Ok(Self::from_seed(*seed))
    }

    /// The key of a seed (RFC 8032's private key).
    pub fn from_seed(seed: [u8; 32]) -> Self {
        let seed = Zeroizing::new(seed);
        Self(ed25519_dalek::SigningKey::from_bytes(&seed))
    }

    /// Reads the form that key files hold: the seed as 64 lowercase hexadecimal digits, and one newline at most.
    pub fn from_hex_seed(text: &str) -> Result<Self, KeyError> {
        let text = text.strip_suffix('\n').unwrap_or(text);
        let bytes = Zeroizing::new(HEXLOWER.decode(text.as_bytes()).map_err(|_| KeyError::Seed)?);
        let seed = Zeroizing::new(<[u8; 32]>::try_from(bytes.as_slice()).map_err(|_| KeyError::Seed)?);
        Ok(Self(ed25519_dalek::SigningKey::from_bytes(&seed)))
    }

    /// The seed as key files hold it; the text is overwritten when dropped.
    pub fn to_hex_seed(&self) -> Zeroizing<String> {
        Zeroizing::new(HEXLOWER.encode(self.0.as_bytes()))
    }

    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key().to_bytes())
    }

    /// Signs bytes that already say what they are: a COSE Sig_structure, a JWS signing input, a note.
    pub fn sign(&self, message: &[u8]) -> Signature {
        Signature(self.0.sign(message).to_bytes())
    }

    /// Signs the digest of a binary statement under its domain tag, such as `cairn.block.v1`.
    pub fn sign_tagged(&self, tag: &str, digest: &[u8; 32]) -> Signature {
        self.sign(&tagged(tag, digest))
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey(of {})", self.public())
    }
}

/// The 32 bytes of an Ed25519 public key. It may be any bytes that somebody sent; registration asks for [`PublicKey::strict`].
///
/// As text it is a did:key (multicodec 0xed01, base58btc), in CBOR a byte string.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey(pub [u8; 32]);

impl PublicKey {
    /// A key fit for registration: canonical encoding, of prime order, not the identity.
    pub fn strict(bytes: [u8; 32]) -> Result<Self, KeyError> {
        let point = ed25519_dalek::VerifyingKey::from_bytes(&bytes).map_err(|_| KeyError::NotCanonical)?.to_edwards();
        if point.compress().to_bytes() != bytes {
            return Err(KeyError::NotCanonical);
        }
        if point.is_small_order() || !point.is_torsion_free() {
            return Err(KeyError::Torsion);
        }
        Ok(Self(bytes))
    }

    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = [0u8; 34];
        bytes[..2].copy_from_slice(&ED25519_PUB);
        bytes[2..].copy_from_slice(&self.0);
        write!(f, "{DID_KEY}{}", bs58::encode(bytes).into_string())
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for PublicKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let base58 = text.strip_prefix(DID_KEY).filter(|rest| rest.len() <= BASE58_CHARS).ok_or(KeyError::DidKey)?;
        let bytes = bs58::decode(base58).into_vec().map_err(|_| KeyError::DidKey)?;
        let key = bytes.strip_prefix(&ED25519_PUB).ok_or(KeyError::DidKey)?;
        key.try_into().map(Self).map_err(|_| KeyError::DidKey)
    }
}

impl Serialize for PublicKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() { serializer.collect_str(self) } else { serializer.serialize_bytes(&self.0) }
    }
}

impl<'de> Deserialize<'de> for PublicKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            deserializer.deserialize_str(FromText { expecting: "a did:key", parse: |text| text.parse().ok() })
        } else {
            deserializer.deserialize_bytes(FromBytes).map(Self)
        }
    }
}

/// An Ed25519 signature, R ‖ s. As text unpadded base64url, in CBOR a byte string.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Signature(pub [u8; 64]);

impl Signature {
    pub fn from_slice(bytes: &[u8]) -> Result<Self, KeyError> {
        bytes.try_into().map(Self).map_err(|_| KeyError::Signature)
    }

    pub const fn as_bytes(&self) -> &[u8; 64] {
        &self.0
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE64URL_NOPAD.encode(&self.0))
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Signature {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        Self::from_slice(&BASE64URL_NOPAD.decode(text.as_bytes()).map_err(|_| KeyError::Signature)?)
    }
}

impl Serialize for Signature {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() { serializer.collect_str(self) } else { serializer.serialize_bytes(&self.0) }
    }
}

impl<'de> Deserialize<'de> for Signature {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            deserializer.deserialize_str(FromText { expecting: "a signature in base64url", parse: |text| text.parse().ok() })
        } else {
            deserializer.deserialize_bytes(FromBytes).map(Self)
        }
    }
}

/// Takes exactly N bytes; text in their place is refused.
struct FromBytes<const N: usize>;

impl<const N: usize> de::Visitor<'_> for FromBytes<N> {
    type Value = [u8; N];

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{N} bytes")
    }

    fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<[u8; N], E> {
        bytes.try_into().map_err(|_| E::invalid_length(bytes.len(), &self))
    }
}

/// Takes text that parses; bytes in its place are refused.
struct FromText<T> {
    expecting: &'static str,
    parse: fn(&str) -> Option<T>,
}

impl<T> de::Visitor<'_> for FromText<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expecting)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        (self.parse)(text).ok_or_else(|| E::custom(format_args!("expected {}", self.expecting)))
    }
}

/// The bytes under a signature of a binary statement: tag, a zero byte, digest. The zero byte ends the tag, for tags are
/// text without one; and no note, JWS or COSE signing input begins this way.
pub fn tagged(tag: &str, digest: &[u8; 32]) -> Vec<u8> {
    debug_assert!(!tag.is_empty() && tag.bytes().all(|byte| byte.is_ascii_graphic()));
    [tag.as_bytes(), &[0], digest].concat()
}

/// Whether `key` signed `message`, by ZIP 215: cofactored, any encoding of points, s below the group order.
pub fn verify(key: &PublicKey, message: &[u8], signature: &Signature) -> bool {
    ed25519_zebra::VerificationKey::try_from(key.0)
        .and_then(|key| key.verify(&ed25519_zebra::Signature::from_bytes(&signature.0), message))
        .is_ok()
}

/// Whether `key` signed the digest under that tag: the counterpart of [`SecretKey::sign_tagged`].
pub fn verify_tagged(key: &PublicKey, tag: &str, digest: &[u8; 32], signature: &Signature) -> bool {
    verify(key, &tagged(tag, digest), signature)
}

/// One signature to check.
#[derive(Debug, Clone, Copy)]
pub struct Item<'a> {
    pub key: PublicKey,
    pub message: &'a [u8],
    pub signature: Signature,
}

impl Item<'_> {
    fn verify(&self) -> bool {
        verify(&self.key, self.message, &self.signature)
    }
}

/// The verdict on each item, in order: always what [`verify`] says of it, at about half the cost when most are good.
pub fn verify_batch(items: &[Item<'_>]) -> Vec<bool> {
    items.chunks(BATCH).flat_map(verify_chunk).collect()
}

fn verify_chunk(items: &[Item<'_>]) -> Vec<bool> {
    if all_valid(items) {
        return vec![true; items.len()];
    }
    let one_by_one = |part: &[Item<'_>]| part.iter().map(Item::verify).collect::<Vec<_>>();
    let by_part = |part: &[Item<'_>]| if all_valid(part) { vec![true; part.len()] } else { one_by_one(part) };
    items.chunks(PART).flat_map(by_part).collect()
}

/// Whether all are valid, in one equation. Without randomness the answer is no, and the items are then checked singly.
fn all_valid(items: &[Item<'_>]) -> bool {
    let Some(coins) = Coins::toss() else { return false };
    let mut batch = ed25519_zebra::batch::Verifier::new();
    for item in items {
        batch.queue((item.key.0.into(), ed25519_zebra::Signature::from_bytes(&item.signature.0), item.message));
    }
    batch.verify(coins).is_ok()
}

/// The random coefficients of a batch: 32 bytes from the operating system, drawn out by BLAKE3. One system call per batch.
struct Coins(blake3::OutputReader);

impl Coins {
    fn toss() -> Option<Self> {
        let mut seed = [0u8; 32];
        getrandom::fill(&mut seed).ok()?;
        Some(Self(blake3::Hasher::new_keyed(&seed).finalize_xof()))
    }

    fn draw<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0u8; N];
        self.0.fill(&mut bytes);
        bytes
    }
}

impl rand_core::TryRng for Coins {
    type Error = std::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        Ok(u32::from_le_bytes(self.draw()))
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        Ok(u64::from_le_bytes(self.draw()))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
        self.0.fill(bytes);
        Ok(())
    }
}

impl rand_core::TryCryptoRng for Coins {}

#[cfg(test)]
mod tests;
