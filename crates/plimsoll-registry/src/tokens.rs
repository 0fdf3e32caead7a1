//! Tokens: what clients come for with the challenge of a 401 in hand.
//!
//! ```text
//! GET  /oauth2/token       service, scope…, with Basic or without            docker, skopeo
//! POST /oauth2/token       grant_type=refresh_token | password, scope…       Azure's SDKs, az, containerd
//! POST /oauth2/exchange    access_token of Resource Manager                  Azure's SDKs, az
//! ```
//!
//! What is granted is what was asked for and may be had, perhaps nothing: a token without rights tells the client by 403
//! what no token would give it.

use axum::Json;
use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderValue, Method, header};
use plimsoll_access::{ACCESS_TOKEN_SECONDS, Access, Caller, Gate, RegistryScope, basic_credentials, form};
use serde_json::json;

use crate::Registry;
use crate::access::gate;
use crate::errors::{Error, Kind};

/// A form with a token of an identity provider has a few KiB.
const MAX_FORM: usize = 64 * 1024;

/// `/oauth2/token`
pub(crate) async fn token(front: &Registry, request: Request) -> Result<Response, Error> {
    let (head, body) = request.into_parts();
    let (fields, is_form) = match head.method {
        Method::GET | Method::HEAD => (Fields::read(head.uri.query().unwrap_or_default())?, false),
        Method::POST => (Fields::of_body(body).await?, true),
        _ => return Err(wrong_method("GET, HEAD, POST")),
    };
    let (_, origin, gate) = gate(front, &head.uri, &head.headers).await?;
    let host = &origin.host;
    let caller = asking(&front.access, &fields, is_form, &head, host, &gate).await?;
    let asked = RegistryScope::parse_all(fields.all("scope"));
    let token = front.access.access_token(&caller, host, &caller.granted(&asked, &gate))?;
    let mut answer = json!({
        "access_token": token,
        "token": token,
        "token_type": "Bearer",
        "expires_in": ACCESS_TOKEN_SECONDS,
        "issued_at": front.now().to_string(),
    });
    let is_wanted = fields.first("offline_token") == Some("true") || fields.first("access_type") == Some("offline");
    if is_wanted && !caller.is_anonymous() {
        answer["refresh_token"] = front.access.refresh_token(&caller, host)?.into();
    }
    Ok(secret(Json(answer).into_response()))
}

/// `POST /oauth2/exchange`
pub(crate) async fn exchange(front: &Registry, request: Request) -> Result<Response, Error> {
    let (head, body) = request.into_parts();
    if head.method != Method::POST {
        return Err(wrong_method("POST"));
    }
    let fields = Fields::of_body(body).await?;
    let (_, origin, gate) = gate(front, &head.uri, &head.headers).await?;
    match fields.first("grant_type") {
        Some("access_token" | "refresh_token" | "access_token_refresh_token") => {}
        _ => return Err(Error::new(Kind::FormInvalid, "grant_type must be access_token")),
    }
    let token = fields.first("access_token").unwrap_or_default();
    let caller = front.access.caller_of_bearer(token, &gate).await?;
    let token = front.access.refresh_token(&caller, &origin.host)?;
    Ok(secret(Json(json!({ "refresh_token": token })).into_response()))
}

/// Who asks for an access token.
async fn asking(
    access: &Access,
    fields: &Fields,
    is_form: bool,
    head: &Parts,
    host: &str,
    gate: &Gate,
) -> Result<Caller, Error> {
    if let Some((name, password)) = basic_credentials(&head.headers)? {
        return Ok(access.caller_of_password(&name, &password, host, gate).await?);
    }
    let given = |name| fields.first(name).filter(|value| !value.is_empty());
    let caller = match given("grant_type") {
        None if !is_form => access.caller_of_nothing(gate).await?,
        Some("refresh_token") => {
            access.caller_of_refresh_token(given("refresh_token").unwrap_or_default(), host, gate).await?
        }
        Some("password") => match (given("username"), given("password")) {
            (None, None) => access.caller_of_nothing(gate).await?,
            (name, password) => {
                let (name, password) = (name.unwrap_or_default(), password.unwrap_or_default());
                access.caller_of_password(name, password, host, gate).await?
            }
        },
        _ => return Err(Error::new(Kind::FormInvalid, "grant_type must be refresh_token or password")),
    };
    Ok(caller)
}

/// The fields of a form or a query.
struct Fields(Vec<(String, String)>);

impl Fields {
    fn read(text: &str) -> Result<Self, Error> {
        form::parse(text).map(Self).ok_or_else(|| Error::new(Kind::FormInvalid, "the form cannot be read"))
    }

    async fn of_body(body: Body) -> Result<Self, Error> {
        let bytes = axum::body::to_bytes(body, MAX_FORM).await;
        let bytes =
            bytes.map_err(|_| Error::new(Kind::FormInvalid, format!("a form has at most {MAX_FORM} bytes")))?;
        Self::read(&String::from_utf8_lossy(&bytes))
    }

    fn first(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(field, _)| field == name).map(|(_, value)| value.as_str())
    }
}

fn wrong_method(allowed: &str) -> Error {
    Error::new(Kind::MethodNotAllowed, "this method is not possible here").with_header(header::ALLOW, allowed)
}

/// An answer that no cache may keep.
fn secret(mut response: Response) -> Response {
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
