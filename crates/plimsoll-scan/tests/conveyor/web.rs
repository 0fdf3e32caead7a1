//! A small web server that answers with a function, one request a connection.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// What was asked.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }
}

/// What is answered.
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// Close the connection after so many bytes of the body, whatever was promised.
    pub(crate) cut_at: Option<usize>,
}

impl Response {
    pub(crate) fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: Vec::new(), body: body.into(), cut_at: None }
    }

    #[must_use]
    pub(crate) fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }
}

/// A server on a port of this machine. It ends with the test's runtime.
pub(crate) struct Server {
    /// `127.0.0.1:PORT`.
    pub(crate) host: String,
    /// What was asked so far.
    pub(crate) requests: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    pub(crate) async fn start(answer: impl Fn(&Request) -> Response + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let requests: Arc<Mutex<Vec<Request>>> = Arc::default();
        let (answer, log) = (Arc::new(answer), Arc::clone(&requests));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (answer, log) = (Arc::clone(&answer), Arc::clone(&log));
                tokio::spawn(async move {
                    let _ = attend(stream, &*answer, &log).await;
                });
            }
        });
        Self { host, requests }
    }

    /// A server of the files of a folder, with entity tags. What begins with one of `broken` is answered with 503.
    pub(crate) async fn of_folder(folder: std::path::PathBuf, broken: &'static [&'static str]) -> Self {
        Self::start(move |request| {
            let path = request.path.trim_start_matches('/');
            if broken.iter().any(|broken| path.starts_with(broken)) {
                return Response::new(503, "");
            }
            match std::fs::read(folder.join(path)) {
                Ok(body) => {
                    let tag = format!("\"{}\"", plimsoll_types::Digest::sha256(&body).hex());
                    match request.header("if-none-match") == Some(&tag) {
                        true => Response::new(304, ""),
                        false => Response::new(200, body).header("etag", tag),
                    }
                }
                Err(_) => Response::new(404, ""),
            }
        })
        .await
    }

    /// The paths that were asked for, in their order.
    pub(crate) fn paths(&self) -> Vec<String> {
        self.requests.lock().unwrap().iter().map(|request| request.path.clone()).collect()
    }
}

async fn attend(
    stream: TcpStream,
    answer: &(dyn Fn(&Request) -> Response + Send + Sync),
    log: &Mutex<Vec<Request>>,
) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    stream.read_line(&mut line).await?;
    let mut words = line.split_whitespace().map(str::to_owned);
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let mut headers = HashMap::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    let request = Request { method, path, headers, body };
    log.lock().unwrap().push(request.clone());
    let response = answer(&request);
    let mut head = format!("HTTP/1.1 {} X\r\nconnection: close\r\n", response.status);
    if response.status != 304 {
        head += &format!("content-length: {}\r\n", response.body.len());
    }
    for (name, value) in &response.headers {
        head += &format!("{name}: {value}\r\n");
    }
    let mut stream = stream.into_inner();
    stream.write_all(format!("{head}\r\n").as_bytes()).await?;
    let end = response.cut_at.unwrap_or(response.body.len()).min(response.body.len());
    stream.write_all(&response.body[..end]).await?;
    stream.shutdown().await
}
