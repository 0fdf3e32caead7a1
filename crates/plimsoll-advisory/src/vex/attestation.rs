//! Attestations that carry a VEX document: an in-toto statement (github.com/in-toto/attestation, "Statement"), bare or in a
//! DSSE envelope (github.com/secure-systems-lab/dsse), and that bare or in a Sigstore bundle.
//!
//! Signatures are not checked here, and nobody may think they were: whoever can put a document where it is found can also
//! sign it with a key of their own.

use std::sync::Arc;

use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use serde_json::Value;

/// The type of OpenVEX as a predicate, without its version.
const OPENVEX: &str = "https://openvex.dev/ns";
/// Images that one statement may be about.
const MAX_SUBJECTS: usize = 1_000;

/// A document, out of what it was in.
pub(super) enum Opened {
    /// It was in nothing.
    Document(Value),
    /// It was the predicate of an attestation about images with these digests.
    Attested { predicate: Value, subjects: Arc<[String]> },
    /// It is an attestation of something else.
    Other,
}

/// Takes a document out of what it is in, each of which can be there once, in one order.
pub(super) fn open(mut value: Value) -> Result<Opened, String> {
    if let Some(envelope) = value.get_mut("dsseEnvelope") {
        value = envelope.take();
    }
    if value["payloadType"].is_string() {
        value = payload(&value)?;
    }
    let is_statement =
        value["_type"].as_str().is_some_and(|kind| kind.starts_with("https://in-toto.io/Statement/"));
    if !is_statement {
        return Ok(Opened::Document(value));
    }
    if !value["predicateType"].as_str().is_some_and(|of| of.starts_with(OPENVEX)) {
        return Ok(Opened::Other);
    }
    let subjects = value["subject"].as_array().map_or(&[][..], Vec::as_slice);
    if subjects.len() > MAX_SUBJECTS {
        return Err(format!("it is an attestation about more than {MAX_SUBJECTS} things"));
    }
    let digests = subjects.iter().flat_map(|subject| {
        let named = |algorithm: &str| Some(format!("{algorithm}:{}", subject["digest"][algorithm].as_str()?));
        ["sha256", "sha512"].into_iter().filter_map(named)
    });
    let subjects: Arc<[String]> = digests.collect();
    if subjects.is_empty() {
        return Err("it is an attestation about nothing that has a digest".to_owned());
    }
    Ok(Opened::Attested { predicate: value["predicate"].take(), subjects })
}

fn payload(envelope: &Value) -> Result<Value, String> {
    if envelope["payloadType"] != "application/vnd.in-toto+json" {
        return Err("it is an envelope of something else than an attestation".to_owned());
    }
    // Both alphabets, with and without the padding (DSSE, "Parameters").
    let any = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let text = envelope["payload"].as_str().unwrap_or_default();
    let decoded = GeneralPurpose::new(&STANDARD, any)
        .decode(text)
        .or_else(|_| GeneralPurpose::new(&URL_SAFE, any).decode(text))
        .map_err(|_| "its payload is not in base64".to_owned())?;
    serde_json::from_slice(&decoded).map_err(|error| error.to_string())
}
