#![allow(clippy::unwrap_used)]
use super::*;
use cairn_schemas::Topic;

#[test]
fn a_url_names_brokers_and_a_prefix() {
    let options = KafkaOptions::from_url("kafka://a:9092,[::1]:9093/acme.test").unwrap();
    assert_eq!(options.brokers, ["a:9092", "[::1]:9093"]);
    assert_eq!(options.topic(Stream::Topic(Topic::Jobs)), "acme.test.jobs");
    assert_eq!(options.group(), "acme.test.journal.processors");
    for plain in ["kafka://a:9092", "kafka://a:9092/"] {
        assert_eq!(KafkaOptions::from_url(plain).unwrap().topic(Stream::Journal), "journal");
    }
}

#[test]
fn a_url_that_is_none_is_refused_with_its_form() {
    let long = format!("kafka://a:1/{}", "x".repeat(201));
    let wrong =
        ["", "a:9092", "http://a:9092", "kafka://", "kafka://a", "kafka://a:0", "kafka://a:70000", "kafka://a:9092,", "kafka://:9092"];
    for url in wrong.into_iter().chain(["kafka://ada:secret@a:9092", "kafka://a:9092/b/c", "kafka://a:9092/b c", "kafka://a:9092/.", &long])
    {
        let error = KafkaOptions::from_url(url).unwrap_err();
        assert_eq!(error.code(), "CRN-5141", "{url}");
        assert!(error.to_string().contains("kafka://host:port"), "{error}");
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}

fn applied(brokers: &[&str], security: &Security) -> Result<ClientConfig, KafkaError> {
    let mut config = ClientConfig::new();
    let brokers: Vec<String> = brokers.iter().map(|broker| (*broker).to_owned()).collect();
    security.apply(&mut config, &brokers).map(|()| config)
}

#[test]
fn the_configuration_becomes_the_clients_and_the_secret_stays_in_its_file() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("password");
    std::fs::write(&file, "s3cret\n").unwrap();
    let text = serde_json::json!({"tls": true, "sasl": "scram-sha-512", "user": "ada", "password_file": file});
    let security: Security = serde_json::from_value(text).unwrap();
    let config = applied(&["a:9092"], &security).unwrap();
    let value = |key| config.get(key).unwrap_or_default();
    assert_eq!(value("security.protocol"), "sasl_ssl");
    assert_eq!((value("sasl.mechanism"), value("sasl.username"), value("sasl.password")), ("SCRAM-SHA-512", "ada", "s3cret"));
    assert!(!format!("{security:?}").contains("s3cret"));
    assert!(serde_json::from_str::<Security>(r#"{"password":"s3cret"}"#).is_err(), "a secret has no place there");
}

#[test]
fn what_is_missing_is_named_before_a_client_is_made() {
    let plain =
        Security { sasl: Some(Sasl::Plain), user: Some("ada".into()), password_file: Some("golden/none".into()), ..Security::default() };
    assert_eq!(applied(&["a:9092"], &plain).unwrap_err().code(), "CRN-5141", "the password would cross the network in clear");
    let error = applied(&["127.0.0.1:9092", "localhost:1", "[::1]:2"], &plain).unwrap_err();
    assert!(error.code() == "CRN-5142" && error.to_string().contains("golden/none"), "{error}");
    let nobody = Security { sasl: Some(Sasl::ScramSha256), ..Security::default() };
    assert_eq!(applied(&["a:9092"], &nobody).unwrap_err().code(), "CRN-5141");
    let roots = Security { tls: true, ca_file: Some("golden/none.pem".into()), ..Security::default() };
    assert_eq!(applied(&["a:9092"], &roots).unwrap_err().code(), "CRN-5142");
}

#[test]
fn the_client_takes_every_mechanism() {
    let password = tempfile::NamedTempFile::new().unwrap();
    assert!(read_secret(password.path()).is_err_and(|error| error.code() == "CRN-5142"), "an empty secret is none");
    std::fs::write(password.path(), "s3cret").unwrap();
    for sasl in [None, Some(Sasl::Plain), Some(Sasl::ScramSha256), Some(Sasl::ScramSha512), Some(Sasl::Oauthbearer)] {
        let options = KafkaOptions::from_url("kafka://127.0.0.1:9/x").unwrap();
        let security =
            Security { tls: true, sasl, user: Some("ada".into()), password_file: Some(password.path().into()), ..Security::default() };
        let config = KafkaOptions { security, ..options }.client().unwrap();
        let made: Result<rdkafka::producer::BaseProducer, _> = config.create();
        assert!(made.is_ok(), "librdkafka was built without {sasl:?}: {:?}", made.err());
    }
}
