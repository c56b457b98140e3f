//! The server's side of TLS over a socket of this world, and certificates of every sort.

use super::Socket;
use rcgen::BasicConstraints;
use rcgen::CertificateParams;
use rcgen::IsCa;
use rcgen::Issuer;
use rcgen::KeyPair;
use ringgate::net::Peer;
use ringgate::net::Stream;
use rustls::ServerConfig;
use rustls::ServerConnection;
use rustls::SupportedProtocolVersion;
use rustls::pki_types::PrivateKeyDer;
use std::io;
use std::io::Read;
use std::io::Write;
use std::sync::Arc;

/// A certificate authority.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    /// Its own certificate.
    pub pem: String,
}

impl Authority {
    /// A new one.
    pub fn new(name: &str) -> Authority {
        let mut params = CertificateParams::new(Vec::new()).expect("no names are good names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        let key = KeyPair::generate().expect("the system has randomness");
        let pem = params.self_signed(&key).expect("a sound request").pem();
        Authority { issuer: Issuer::new(params, key), pem }
    }

    /// A server configuration with a certificate for `name`, valid in these years.
    pub fn server(&self, name: &str, years: std::ops::Range<i32>) -> Arc<ServerConfig> {
        self.server_of(rustls::DEFAULT_VERSIONS, name, years)
    }

    /// The same for these versions of TLS.
    pub fn server_of(
        &self,
        versions: &[&'static SupportedProtocolVersion],
        name: &str,
        years: std::ops::Range<i32>,
    ) -> Arc<ServerConfig> {
        let mut params = CertificateParams::new(vec![name.to_owned()]).expect("a sound name");
        params.not_before = rcgen::date_time_ymd(years.start, 1, 1);
        params.not_after = rcgen::date_time_ymd(years.end, 1, 1);
        let key = KeyPair::generate().expect("the system has randomness");
        let certificate = params.signed_by(&key, &self.issuer).expect("a sound request");
        let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a sound key");
        let mut config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_protocol_versions(versions)
            .expect("the provider supports them")
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .expect("the key fits");
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Arc::new(config)
    }
}

/// TLS as the server speaks it; simple rather than fast.
pub struct TlsServer {
    socket: Socket,
    session: ServerConnection,
    /// Ends without close_notify, as a cut connection does.
    pub truncates: bool,
}

impl TlsServer {
    /// Shakes hands.
    pub async fn accept(socket: Socket, config: Arc<ServerConfig>) -> io::Result<TlsServer> {
        let session = ServerConnection::new(config).map_err(io::Error::other)?;
        let mut server = TlsServer { socket, session, truncates: false };
        while server.session.is_handshaking() {
            server.flush().await?;
            if server.session.is_handshaking() {
                server.fetch().await?;
            }
        }
        server.flush().await?;
        Ok(server)
    }

    async fn flush(&mut self) -> io::Result<()> {
        let mut out = Vec::new();
        while self.session.wants_write() {
            self.session.write_tls(&mut out)?;
        }
        self.socket.write_all(out).await.0
    }

    async fn fetch(&mut self) -> io::Result<()> {
        let (read, bytes) = self.socket.read(Vec::with_capacity(4096)).await;
        if read? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            self.session.read_tls(&mut rest)?;
            if let Err(error) = self.session.process_new_packets() {
                self.flush().await?;
                return Err(io::Error::other(error));
            }
        }
        Ok(())
    }

    /// Sends `bytes` and close_notify in one go and leaves the connection itself open.
    pub async fn last_words(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.session.writer().write_all(bytes)?;
        self.session.send_close_notify();
        self.flush().await
    }

    async fn read_some(&mut self, buffer: &mut Vec<u8>) -> io::Result<usize> {
        loop {
            let mut some = vec![0; buffer.capacity() - buffer.len()];
            match self.session.reader().read(&mut some) {
                Ok(read) => {
                    buffer.extend_from_slice(&some[..read]);
                    return Ok(read);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.fetch().await?,
                Err(error) => return Err(error),
            }
        }
    }

    async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        for part in bytes.chunks(10_000) {
            self.session.writer().write_all(part)?;
            self.flush().await?;
        }
        Ok(())
    }
}

impl Stream for TlsServer {
    async fn read(&mut self, mut buffer: Vec<u8>) -> (io::Result<usize>, Vec<u8>) {
        (self.read_some(&mut buffer).await, buffer)
    }

    async fn write_all(&mut self, buffer: Vec<u8>) -> (io::Result<()>, Vec<u8>) {
        (self.write(&buffer).await, buffer)
    }

    async fn readable(&self) -> io::Result<()> {
        self.socket.readable().await
    }

    fn peer(&self) -> Peer {
        self.socket.peer()
    }

    async fn shutdown(&mut self) {
        if !self.truncates {
            self.session.send_close_notify();
            // The client may be gone already.
            let _ = self.flush().await;
        }
        self.socket.shutdown().await;
    }

    fn abort(&mut self) {
        self.socket.abort();
    }
}
