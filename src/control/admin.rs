//! The admin listener: metrics and health, apart from the port that callers know.

use crate::observe::Registry;
use bytes::Bytes;
use http_body_util::Full;
use hyper::Method;
use hyper::Request;
use hyper::Response;
use hyper::StatusCode;
use hyper::body::Incoming;
use hyper::header::ALLOW;
use hyper::header::CONTENT_TYPE;
use hyper::header::HeaderValue;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// A connection that says nothing for this long is closed.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// After a failed accept.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What the admin listener can tell.
#[derive(Clone)]
pub struct Admin {
    /// Metrics.
    pub registry: Arc<Registry>,
    /// `Ok` with details when requests can be served, `Err` with the reason when not.
    pub readiness: Arc<dyn Fn() -> Result<String, String> + Send + Sync>,
}

/// Answers until the process ends.
pub async fn serve(listener: std::net::TcpListener, admin: Admin) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let listener = tokio::net::TcpListener::from_std(listener)?;
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let admin = admin.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                let admin = admin.clone();
                async move { Ok::<_, Infallible>(answer(&admin, &request)) }
            });
            let mut http = hyper::server::conn::http1::Builder::new();
            http.timer(hyper_util::rt::TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
            // A broken admin connection concerns nobody but its client.
            let _ = http.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

fn answer(admin: &Admin, request: &Request<Incoming>) -> Response<Full<Bytes>> {
    const TEXT: &str = "text/plain; charset=utf-8";
    let is_reading = matches!(*request.method(), Method::GET | Method::HEAD);
    let (status, kind, body) = match request.uri().path() {
        _ if !is_reading => {
            (StatusCode::METHOD_NOT_ALLOWED, TEXT, "the admin listener takes GET and HEAD only\n".to_owned())
        }
        "/metrics" => {
            let mut text = String::new();
            admin.registry.render(&mut text);
            (StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", text)
        }
        "/livez" | "/health" => (StatusCode::OK, TEXT, "ok\n".to_owned()),
        "/readyz" => match (admin.readiness)() {
            Ok(details) => (StatusCode::OK, TEXT, details),
            Err(reason) => (StatusCode::SERVICE_UNAVAILABLE, TEXT, reason),
        },
        _ => (StatusCode::NOT_FOUND, TEXT, "the admin listener has /metrics, /livez and /readyz\n".to_owned()),
    };
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    if !is_reading {
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    }
    response
}
