//! A connection to the server: plain or TLS, blocking for the handshakes, polled afterwards.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use mio::net::TcpStream;
use mio::{Interest, Poll, Token};
use openssl::ssl::{
    ErrorCode, SslConnector, SslMethod, SslMode, SslStream, SslVerifyMode, SslVersion,
};
use socket2::{Domain, Protocol, Socket, Type};

pub enum Stream {
    Plain(TcpStream),
    Tls(SslStream<TcpStream>),
}

/// Makes streams to one server.
pub struct Connector {
    server: SocketAddr,
    tls: Option<SslConnector>,
}

impl Connector {
    pub fn new(port: u16, tls: bool) -> io::Result<Self> {
        Ok(Self {
            server: (Ipv4Addr::LOCALHOST, port).into(),
            tls: if tls { Some(connector()?) } else { None },
        })
    }

    /// A connected TCP socket, blocking.
    fn socket(&self) -> io::Result<Socket> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
        socket.bind(&SocketAddr::from((next_source(), 0)).into())?;
        socket.connect(&self.server.into())?;
        socket.set_tcp_nodelay(true)?;
        socket.set_read_timeout(Some(Duration::from_secs(20)))?;
        Ok(socket)
    }

    /// Connects and runs `handshake` over the blocking stream, then makes it non-blocking.
    pub fn open(
        &self,
        handshake: impl FnOnce(&mut dyn ReadWrite) -> io::Result<()>,
    ) -> io::Result<Stream> {
        let socket = self.socket()?;
        let handle = socket.try_clone()?;
        let tcp = TcpStream::from_std(socket.into());
        let mut stream = match &self.tls {
            None => Stream::Plain(tcp),
            Some(connector) => Stream::Tls(
                connector
                    .connect("localhost", tcp)
                    .map_err(io::Error::other)?,
            ),
        };
        handshake(&mut stream)?;
        handle.set_nonblocking(true)?;
        Ok(stream)
    }

    /// A TCP socket that is connecting, for those who poll from the start.
    pub fn start(&self) -> io::Result<TcpStream> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
        socket.bind(&SocketAddr::from((next_source(), 0)).into())?;
        socket.set_nonblocking(true)?;
        socket.set_tcp_nodelay(true)?;
        match socket.connect(&self.server.into()) {
            Err(error) if error.raw_os_error() != Some(EINPROGRESS) => Err(error),
            _ => Ok(TcpStream::from_std(socket.into())),
        }
    }
}

const EINPROGRESS: i32 = 115;

/// One address after the other, so that the ports of none run out.
fn next_source() -> Ipv4Addr {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let n = NEXT.fetch_add(1, Ordering::Relaxed) % 50_000;
    Ipv4Addr::new(127, 1, (n / 250) as u8, (n % 250 + 1) as u8)
}

fn connector() -> io::Result<SslConnector> {
    let mut builder = SslConnector::builder(SslMethod::tls_client())?;
    builder.set_verify(SslVerifyMode::NONE);
    builder.set_min_proto_version(Some(SslVersion::TLS1_3))?;
    builder.set_mode(SslMode::ENABLE_PARTIAL_WRITE | SslMode::ACCEPT_MOVING_WRITE_BUFFER);
    Ok(builder.build())
}

pub trait ReadWrite: Read + Write {}
impl<T: Read + Write> ReadWrite for T {}

impl Stream {
    pub fn register(&mut self, poll: &Poll, token: usize) -> io::Result<()> {
        let tcp = match self {
            Self::Plain(tcp) => tcp,
            Self::Tls(stream) => stream.get_mut(),
        };
        let both = Interest::READABLE | Interest::WRITABLE;
        poll.registry().register(tcp, Token(token), both)
    }

    /// Whether a short read may leave something behind that no event will tell of.
    pub fn is_buffered(&self) -> bool {
        matches!(self, Self::Tls(_))
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(tcp) => tcp.read(buffer),
            Self::Tls(stream) => stream.ssl_read(buffer).or_else(translate),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(tcp) => tcp.write(bytes),
            Self::Tls(stream) => stream.ssl_write(bytes).or_else(translate),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn translate(error: openssl::ssl::Error) -> io::Result<usize> {
    match error.code() {
        ErrorCode::WANT_READ | ErrorCode::WANT_WRITE => Err(io::ErrorKind::WouldBlock.into()),
        ErrorCode::ZERO_RETURN => Ok(0),
        _ => Err(io::Error::other(error)),
    }
}
