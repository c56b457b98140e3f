//! TLS towards providers: `rustls` over any [`Stream`].
//!
//! An adapter of our own because the io layer owns buffers while an operation is pending: ciphertext
//! lives in the shard's buffers only while it is on its way, so an idle pooled connection holds none.
//! The client's last handshake flight travels together with the request, which saves a packet and a
//! system call per connection.

use crate::config::Roots;
use crate::net::Peer;
use crate::net::Stream;
use crate::upstream::buffers::Buffers;
use rustls::AlertDescription;
use rustls::CertificateError;
use rustls::ClientConfig;
use rustls::ClientConnection;
use rustls::Error as RustlsError;
use rustls::HandshakeKind;
use rustls::PeerIncompatible;
use rustls::RootCertStore;
use rustls::client::Resumption;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::ServerName;
use rustls::pki_types::pem::PemObject;
use std::io;
use std::io::BufRead;
use std::io::Write;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::Mutex;

/// Plaintext encrypted before it is written out, bytes: bounds what one large request holds twice.
const WRITE_PART_BYTES: usize = 48 * 1024;
/// Servers whose sessions are remembered per configuration.
const SESSIONS_MAX: usize = 256;
/// The only protocol offered.
const ALPN: &[u8] = b"http/1.1";

/// Why a connection could not be secured, as a class: never a name, never certificate content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsFault {
    /// The certificate has expired.
    Expired,
    /// The certificate is not valid yet.
    NotYetValid,
    /// The certificate is for another name.
    WrongName,
    /// The certificate is not signed by a trusted authority (self-signed ones included).
    UnknownIssuer,
    /// The certificate was revoked.
    Revoked,
    /// The certificate is malformed, wrongly signed or for another purpose.
    BadCertificate,
    /// No common protocol version: the server speaks TLS 1.1 or older.
    Version,
    /// No common parameters, or the server refused ours.
    Refused,
    /// The server insists on another application protocol.
    Protocol,
    /// The server does not speak TLS on this port.
    NotTls,
    /// A record that cannot be read or was tampered with.
    Record,
}

impl TlsFault {
    /// A stable word for metrics and logs.
    pub fn label(self) -> &'static str {
        match self {
            TlsFault::Expired => "certificate_expired",
            TlsFault::NotYetValid => "certificate_not_yet_valid",
            TlsFault::WrongName => "certificate_wrong_name",
            TlsFault::UnknownIssuer => "certificate_unknown_issuer",
            TlsFault::Revoked => "certificate_revoked",
            TlsFault::BadCertificate => "certificate_bad",
            TlsFault::Version => "tls_version",
            TlsFault::Refused => "tls_refused",
            TlsFault::Protocol => "tls_protocol",
            TlsFault::NotTls => "not_tls",
            TlsFault::Record => "tls_record",
        }
    }

    /// The class in words.
    pub(super) fn told(self) -> &'static str {
        match self {
            TlsFault::Expired => "its certificate has expired",
            TlsFault::NotYetValid => "its certificate is not valid yet (or this machine's clock is wrong)",
            TlsFault::WrongName => "its certificate is for another name",
            TlsFault::UnknownIssuer => {
                "its certificate is not signed by a trusted authority; for an authority of your own set `roots`"
            }
            TlsFault::Revoked => "its certificate was revoked",
            TlsFault::BadCertificate => "its certificate is malformed or not meant for a server",
            TlsFault::Version => "it speaks no TLS version that is still safe (1.2 or 1.3)",
            TlsFault::Refused => "no common TLS parameters were found",
            TlsFault::Protocol => "it does not offer HTTP/1.1",
            TlsFault::NotTls => "it does not speak TLS on this port",
            TlsFault::Record => "a TLS record could not be read",
        }
    }

    /// The class of a `rustls` error.
    pub fn of(error: &RustlsError) -> TlsFault {
        match error {
            RustlsError::InvalidCertificate(error) => TlsFault::of_certificate(error),
            RustlsError::PeerIncompatible(
                PeerIncompatible::ServerDoesNotSupportTls12Or13
                | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
                | PeerIncompatible::SupportedVersionsExtensionRequired,
            )
            | RustlsError::AlertReceived(AlertDescription::ProtocolVersion) => TlsFault::Version,
            RustlsError::NoApplicationProtocol
            | RustlsError::AlertReceived(AlertDescription::NoApplicationProtocol) => TlsFault::Protocol,
            RustlsError::PeerIncompatible(_) | RustlsError::AlertReceived(_) => TlsFault::Refused,
            RustlsError::InvalidMessage(
                rustls::InvalidMessage::InvalidContentType | rustls::InvalidMessage::UnknownProtocolVersion,
            ) => TlsFault::NotTls,
            _ => TlsFault::Record,
        }
    }

    fn of_certificate(error: &CertificateError) -> TlsFault {
        use CertificateError as E;
        match error {
            E::Expired | E::ExpiredContext { .. } => TlsFault::Expired,
            E::NotValidYet | E::NotValidYetContext { .. } => TlsFault::NotYetValid,
            E::NotValidForName | E::NotValidForNameContext { .. } => TlsFault::WrongName,
            E::UnknownIssuer => TlsFault::UnknownIssuer,
            E::Revoked => TlsFault::Revoked,
            _ => TlsFault::BadCertificate,
        }
    }
}

/// One `rustls` configuration per setting of trusted authorities, shared by all shards: with it the
/// sessions to resume, and a resumed handshake costs little more than half of a full one.
#[derive(Debug, Default)]
pub struct TlsConfigs {
    known: Mutex<Vec<KnownConfig>>,
}

#[derive(Debug)]
struct KnownConfig {
    roots: Roots,
    /// What the file held, so that a changed file is noticed at the next reload.
    file: Vec<u8>,
    config: Arc<ClientConfig>,
}

impl TlsConfigs {
    /// None yet.
    pub fn new() -> Self {
        TlsConfigs::default()
    }

    /// The configuration that trusts `roots`. Reads files: not for a shard.
    pub fn config(&self, roots: &Roots) -> Result<Arc<ClientConfig>, String> {
        let file = match roots {
            Roots::File(path) => read_file(path)?,
            Roots::WebPki | Roots::Platform => Vec::new(),
        };
        let mut known = self.known.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Some(known) = known.iter().find(|known| known.roots == *roots && known.file == file) {
            return Ok(Arc::clone(&known.config));
        }
        let store = match roots {
            Roots::WebPki => RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() },
            Roots::Platform => platform_roots()?,
            Roots::File(path) => file_roots(path, &file)?,
        };
        let config = Arc::new(client_config(store)?);
        known.retain(|known| known.roots != *roots);
        known.push(KnownConfig { roots: roots.clone(), file, config: Arc::clone(&config) });
        Ok(config)
    }
}

fn client_config(roots: RootCertStore) -> Result<ClientConfig, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("TLS cannot be set up: {error}"))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.resumption = Resumption::in_memory_sessions(SESSIONS_MAX);
    Ok(config)
}

fn read_file(path: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|error| format!("root certificates {}: {error}", path.display()))
}

fn file_roots(path: &Path, pem: &[u8]) -> Result<RootCertStore, String> {
    let mut store = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let added = certificate
            .map_err(|error| error.to_string())
            .and_then(|certificate| store.add(certificate).map_err(|error| error.to_string()));
        added.map_err(|error| format!("root certificates {}: {error}", path.display()))?;
    }
    match store.is_empty() {
        true => Err(format!("root certificates {}: no PEM certificate in it", path.display())),
        false => Ok(store),
    }
}

fn platform_roots() -> Result<RootCertStore, String> {
    let mut store = RootCertStore::empty();
    // A system's store usually holds a few certificates that cannot be used: they are left out.
    store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    match store.is_empty() {
        true => Err("the system has no usable root certificates; install them or use the compiled-in ones".into()),
        false => Ok(store),
    }
}

/// How a handshake failed.
#[derive(Debug)]
pub(super) enum HandshakeFault {
    Tls(TlsFault),
    Io(io::Error),
}

/// A TLS connection to a provider.
pub struct TlsStream<S: Stream> {
    stream: S,
    session: ClientConnection,
    /// Ciphertext that arrived but was not taken in yet, because the reader's buffer was full.
    incoming: Vec<u8>,
    taken: usize,
    /// Decrypted bytes did not fit into the reader's buffer.
    has_plaintext: bool,
    /// The peer has said that it will send no more.
    peer_finished: bool,
    buffers: Rc<Buffers>,
    /// An operation is under way; if that is still so when the next one begins, it was cancelled, and
    /// nobody knows which bytes were lost with it.
    under_way: bool,
}

impl<S: Stream> TlsStream<S> {
    /// Shakes hands. The deadline is the caller's.
    pub(super) async fn connect(
        stream: S,
        config: Arc<ClientConfig>,
        name: ServerName<'static>,
        buffers: Rc<Buffers>,
    ) -> Result<TlsStream<S>, HandshakeFault> {
        let session = ClientConnection::new(config, name).map_err(|error| HandshakeFault::Tls(TlsFault::of(&error)))?;
        let mut tls = TlsStream {
            stream,
            session,
            incoming: Vec::new(),
            taken: 0,
            has_plaintext: false,
            peer_finished: false,
            buffers,
            under_way: false,
        };
        while tls.session.is_handshaking() {
            tls.flush().await.map_err(HandshakeFault::Io)?;
            if let Err(fault) = tls.shake().await {
                // The alert that says what we did not like; whether it arrives changes nothing.
                let _ = tls.flush().await;
                return Err(fault);
            }
        }
        Ok(tls)
    }

    /// Was the session resumed?
    pub fn is_resumed(&self) -> bool {
        self.session.handshake_kind() == Some(HandshakeKind::Resumed)
    }

    async fn shake(&mut self) -> Result<(), HandshakeFault> {
        match self.fetch().await {
            Ok(0) => return Err(HandshakeFault::Io(io::ErrorKind::UnexpectedEof.into())),
            Ok(_) => {}
            Err(error) => return Err(HandshakeFault::Io(error)),
        }
        while self.taken < self.incoming.len() && self.session.is_handshaking() {
            self.take_in().map_err(|error| HandshakeFault::Tls(TlsFault::of(&error)))?;
        }
        self.release_incoming();
        Ok(())
    }

    /// Reads ciphertext from the wire.
    async fn fetch(&mut self) -> io::Result<usize> {
        let buffer = self.buffers.take();
        let (result, buffer) = self.stream.read(buffer).await;
        self.incoming = buffer;
        self.taken = 0;
        if !matches!(result, Ok(1..)) {
            self.release_incoming();
        }
        result
    }

    /// Lets `rustls` have the next piece of ciphertext.
    fn take_in(&mut self) -> Result<(), RustlsError> {
        let mut rest = &self.incoming[self.taken..];
        // The only errors are its full buffers, which it empties while processing.
        let read = self.session.read_tls(&mut rest).unwrap_or(0);
        self.taken += read;
        let state = self.session.process_new_packets()?;
        self.has_plaintext = state.plaintext_bytes_to_read() > 0;
        self.peer_finished = state.peer_has_closed();
        if read == 0 && state.plaintext_bytes_to_read() == 0 && !state.peer_has_closed() {
            return Err(RustlsError::General("a TLS record larger than allowed".into()));
        }
        Ok(())
    }

    fn release_incoming(&mut self) {
        if self.taken >= self.incoming.len() {
            self.buffers.give(std::mem::take(&mut self.incoming));
            self.taken = 0;
        }
    }

    /// Writes out what `rustls` wants written.
    async fn flush(&mut self) -> io::Result<()> {
        if !self.session.wants_write() {
            return Ok(());
        }
        let mut outgoing = self.buffers.take();
        while self.session.wants_write() {
            self.session.write_tls(&mut outgoing)?;
        }
        let (result, outgoing) = self.stream.write_all(outgoing).await;
        self.buffers.give(outgoing);
        result
    }

    /// Moves decrypted bytes into the reader's buffer; `None` when there are none and more may come.
    fn give_plaintext(&mut self, buffer: &mut Vec<u8>) -> io::Result<Option<usize>> {
        let mut given = 0;
        self.has_plaintext = false;
        loop {
            let spare = buffer.capacity() - buffer.len();
            let mut reader = self.session.reader();
            match reader.fill_buf() {
                Ok([]) => return Ok(Some(given)),
                Ok(chunk) => {
                    let part = spare.min(chunk.len());
                    buffer.extend_from_slice(&chunk[..part]);
                    reader.consume(part);
                    given += part;
                    if part == spare {
                        self.has_plaintext = matches!(self.session.reader().fill_buf(), Ok([_, ..]));
                        return Ok(Some(given));
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok((given > 0).then_some(given)),
                Err(_) if given > 0 => return Ok(Some(given)),
                Err(error) => return Err(error),
            }
        }
    }

    async fn read_into(&mut self, buffer: &mut Vec<u8>) -> io::Result<usize> {
        let before = buffer.len();
        loop {
            // Everything that is here already goes into one read, however many records it is.
            let given = self.give_plaintext(buffer)?;
            let is_full = buffer.len() == buffer.capacity();
            if self.taken < self.incoming.len() && !is_full && !matches!(given, Some(0)) {
                self.take_in().map_err(broken)?;
                continue;
            }
            self.release_incoming();
            if given.is_some() || buffer.len() > before {
                return Ok(buffer.len() - before);
            }
            self.flush().await?;
            if self.fetch().await? == 0 {
                // Tells `rustls` of the end: an error unless a close_notify came before it.
                self.session.read_tls(&mut io::empty())?;
            }
        }
    }

    async fn write_from(&mut self, bytes: &[u8]) -> io::Result<()> {
        for part in bytes.chunks(WRITE_PART_BYTES) {
            let mut rest = part;
            while !rest.is_empty() {
                let accepted = self.session.writer().write(rest)?;
                rest = &rest[accepted..];
                if accepted == 0 {
                    self.flush().await?;
                }
            }
            self.flush().await?;
        }
        Ok(())
    }

    fn holds_bytes(&self) -> bool {
        self.has_plaintext || self.taken < self.incoming.len()
    }

    fn begin(&mut self) -> io::Result<()> {
        if std::mem::replace(&mut self.under_way, true) {
            return Err(io::Error::new(io::ErrorKind::NotConnected, "an operation on this stream was cancelled"));
        }
        Ok(())
    }
}

fn broken(error: RustlsError) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

impl<S: Stream> Stream for TlsStream<S> {
    async fn read(&mut self, mut buffer: Vec<u8>) -> (io::Result<usize>, Vec<u8>) {
        if let Err(error) = self.begin() {
            return (Err(error), buffer);
        }
        let result = self.read_into(&mut buffer).await;
        self.under_way = false;
        (result, buffer)
    }

    async fn write_all(&mut self, buffer: Vec<u8>) -> (io::Result<()>, Vec<u8>) {
        if let Err(error) = self.begin() {
            return (Err(error), buffer);
        }
        let result = self.write_from(&buffer).await;
        self.under_way = false;
        (result, buffer)
    }

    async fn readable(&self) -> io::Result<()> {
        match self.holds_bytes() || self.peer_finished {
            true => Ok(()),
            false => self.stream.readable().await,
        }
    }

    fn peer(&self) -> Peer {
        if self.under_way {
            return Peer::Gone;
        }
        match (self.holds_bytes(), self.peer_finished) {
            (true, _) => Peer::Speaking,
            (false, true) => Peer::Finished,
            (false, false) => self.stream.peer(),
        }
    }

    async fn shutdown(&mut self) {
        if self.begin().is_ok() {
            self.session.send_close_notify();
            // A peer that is gone needs no farewell.
            let _ = self.flush().await;
        }
        self.stream.shutdown().await;
    }

    fn abort(&mut self) {
        self.stream.abort();
    }
}
