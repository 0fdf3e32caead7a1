//! Signatures of requests, as the Standard Webhooks specification has them, so that receivers need no code of ours: HMAC-SHA256
//! over `ID.TIMESTAMP.BODY`, with the instant so that an old request cannot be sent again by a stranger.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plimsoll_types::Timestamp;

/// In front of a secret that is written in base64, as the specification has it. Any other is taken as it is written.
const PREFIX: &str = "whsec_";

/// The headers of a signed request.
pub(super) fn headers(secret: &str, id: &str, now: Timestamp, body: &[u8]) -> [(&'static str, String); 3] {
    let seconds = now.0.div_euclid(1000).to_string();
    let signature = STANDARD.encode(mac(secret, id, &seconds, body));
    [
        ("webhook-id", id.to_owned()),
        ("webhook-timestamp", seconds),
        ("webhook-signature", format!("v1,{signature}")),
    ]
}

fn mac(secret: &str, id: &str, seconds: &str, body: &[u8]) -> Vec<u8> {
    let decoded = secret.strip_prefix(PREFIX).and_then(|text| STANDARD.decode(text).ok());
    let key = hmac::Key::new(hmac::HMAC_SHA256, decoded.as_deref().unwrap_or(secret.as_bytes()));
    let mut context = hmac::Context::with_key(&key);
    for part in [id.as_bytes(), b".", seconds.as_bytes(), b".", body] {
        context.update(part);
    }
    context.sign().as_ref().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_specifications_example_is_signed_alike() {
        // github.com/standard-webhooks/standard-webhooks, spec: "Example signature".
        let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        let body = br#"{"test": 2432232314}"#;
        let headers = headers(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", Timestamp(1_614_265_330_999), body);
        assert_eq!(headers[1].1, "1614265330");
        assert_eq!(headers[2].1, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_plain_secret_is_its_own_key() {
        let plain = mac("0123456789abcdef", "1", "2", b"3");
        let encoded = format!("{PREFIX}{}", STANDARD.encode("0123456789abcdef"));
        assert_eq!(plain, mac(&encoded, "1", "2", b"3"));
        assert_ne!(plain, mac("0123456789abcdeF", "1", "2", b"3"));
    }
}
