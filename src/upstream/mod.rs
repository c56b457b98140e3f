//! To a provider and back: resolve, pool, TLS, one exchange. Generic over the io layer.
//
// CONTRACT
// pub struct Endpoint { pub host: String, pub port: u16, pub tls: bool, pub path_prefix: String, pub roots: config::Roots, pub allow_private: bool, … } ; Endpoint::parse(base_url) -> Result<Endpoint, String>
// pub trait Resolve: 'static { fn resolve(&self, host: &str) -> impl Future<Output = Result<Rc/Arc<[IpAddr]>, ResolveFault>>; }   // shard-side cache with TTL + grace in front of a message to control; literal IPs never ask
// pub struct Upstreams<N: Net, R: Resolve> { … per-shard pools keyed by endpoint … }
// impl { pub fn new(net: N, resolver: R, tls: Arc<TlsConfigs>) ;
//   /// Sends `request` (complete head + body bytes) and returns when the whole response head is there. Uses a pooled connection after a look
//   /// at it (`Stream::peer` must say Quiet); if a *reused* connection ends with zero response bytes, replays once on a fresh one.
//   pub async fn exchange(&self, provider: &ProviderLink /* endpoint + timeouts + pool bounds */, request: Vec<u8>, deadline: Tick) -> Result<Exchange<N>, Failure>; }
// pub struct Exchange<N> { pub head: wire::http1::ResponseHead, … }
// impl Exchange {
//   pub fn status(); pub fn header(name) ; pub fn headers()
//   /// The whole body (dechunked), bounded. On Ok the connection has gone back to the pool if it may. Returned slice borrows the exchange's buffer.
//   pub async fn whole(&mut self, bytes_max: usize) -> Result<&[u8], Failure>;
//   /// The next piece of the body (dechunked), None at its proper end. UntilClose bodies end with EOF = proper end only if TLS close_notify/plain FIN; flagged `ended_by_close`.
//   pub async fn next(&mut self) -> Result<Option<&[u8]>, Failure>;
// }  dropping an unfinished Exchange closes the upstream connection (that is how a request is cancelled).
// pub struct Failure { pub stage: Stage (Resolve, Connect, Tls, Send, FirstByte, Body), pub reason: Reason (Refused, Unreachable, TimedOut, Reset, Closed, Certificate(String class), Garbage(&'static str), TooLarge, NoAddress, PoolFull…), pub reused: bool }
// impl Failure { pub fn fault(&self) -> Fault (502/504, no address, no secret) ; pub fn label(&self) -> &'static str }
// tls.rs: `TlsStream<S: Stream>: Stream` over rustls::ClientConnection, own adapter with reused buffers; session resumption shared per endpoint; close_notify honoured: EOF without it = Closed error for UntilClose bodies.
// free-list of buffers: upstream::buffers (Vec<u8> 16 KiB, at most 256 kept).
