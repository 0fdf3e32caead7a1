//! A small identity provider on loopback, with keys of its own.

use std::sync::{Arc, Mutex};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::NOW;

pub(super) struct TestIssuer {
    pub(super) address: String,
    pub(super) rsa: RsaKeyPair,
    ec: EcdsaKeyPair,
    served: Arc<Mutex<Served>>,
}

#[derive(Default)]
struct Served {
    keys: Vec<Value>,
    /// What the provider says that it is called.
    name: String,
    questions: usize,
    is_down: bool,
}

impl TestIssuer {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let rsa = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        let ec = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let served = Served { name: address.clone(), ..Served::default() };
        let issuer = Self { address, rsa, ec, served: Arc::new(Mutex::new(served)) };
        issuer.publish(&["rsa-1", "ec-1"]);
        tokio::spawn(serve(listener, issuer.served.clone(), issuer.address.clone()));
        issuer
    }

    /// Publishes its keys under these ids: `rsa-…` and `ec-…`.
    pub(super) fn publish(&self, ids: &[&str]) {
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let key = |id: &&str| {
            if id.starts_with("rsa") {
                // RSAPublicKey of RFC 8017 for 2048 bits: the modulus behind nine bytes, the exponent at the end.
                let public = self.rsa.public_key().as_ref();
                let (n, e) = (encode(&public[9..265]), encode(&public[267..]));
                json!({"kid": id, "kty": "RSA", "use": "sig", "n": n, "e": e})
            } else {
                let point = self.ec.public_key().as_ref();
                let (x, y) = (encode(&point[1..33]), encode(&point[33..]));
                json!({"kid": id, "kty": "EC", "crv": "P-256", "alg": "ES256", "x": x, "y": y})
            }
        };
        let strange = json!({"kid": "strange", "kty": "OKP", "crv": "Ed448"});
        self.served.lock().unwrap().keys = ids.iter().map(key).chain([strange]).collect();
    }

    pub(super) fn questions(&self) -> usize {
        self.served.lock().unwrap().questions
    }

    pub(super) fn goes_down(&self) {
        self.served.lock().unwrap().is_down = true;
    }

    pub(super) fn calls_itself(&self, name: &str) {
        self.served.lock().unwrap().name = name.to_owned();
    }

    /// Claims that are good.
    pub(super) fn claims(&self) -> Value {
        json!({
            "iss": self.address, "aud": "plimsoll", "sub": "user-1", "preferred_username": "ada@example.test",
            "groups": ["developers"], "iat": NOW / 1000, "exp": NOW / 1000 + 300,
        })
    }

    pub(super) fn rs256(&self, header: Value, claims: &Value) -> String {
        let signed = Self::unsigned(header, claims);
        let mut signature = vec![0; self.rsa.public_modulus_len()];
        self.rsa.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    pub(super) fn es256(&self, header: Value, claims: &Value) -> String {
        let signed = Self::unsigned(header, claims);
        let signature = self.ec.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    pub(super) fn unsigned(header: Value, claims: &Value) -> String {
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        format!("{}.{}", encode(&header), encode(claims))
    }
}

async fn serve(listener: TcpListener, served: Arc<Mutex<Served>>, address: String) {
    while let Ok((mut socket, _)) = listener.accept().await {
        let mut head = Vec::new();
        let mut buffer = [0; 1024];
        while !head.windows(4).any(|four| four == b"\r\n\r\n") {
            match socket.read(&mut buffer).await {
                Ok(n) if n > 0 => head.extend_from_slice(&buffer[..n]),
                _ => break,
            }
        }
        let head = String::from_utf8_lossy(&head).into_owned();
        let (status, body) = {
            let mut served = served.lock().unwrap();
            served.questions += 1;
            if served.is_down {
                ("503 Service Unavailable", json!({}))
            } else if head.starts_with("GET /.well-known/openid-configuration ") {
                ("200 OK", json!({"issuer": served.name, "jwks_uri": format!("{address}/keys")}))
            } else {
                ("200 OK", json!({"keys": served.keys}))
            }
        };
        let body = body.to_string();
        let answer = format!(
            "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
        let _ = socket.write_all(answer.as_bytes()).await;
    }
}
