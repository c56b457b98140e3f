//! Looks at sockets that io_uring has no operation for: a peek, a linger, a half-way shutdown.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

/// What a non-blocking one-byte peek found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peek {
    /// Nothing to read.
    Nothing,
    /// Bytes wait.
    Bytes,
    /// The peer has finished sending.
    End,
    /// The connection is broken.
    Broken,
}

/// Peeks at `fd` without blocking and without consuming anything.
pub fn peek(fd: RawFd) -> Peek {
    let mut byte = 0u8;
    // SAFETY: `byte` is one writable byte that outlives the call; an invalid fd is reported as an error.
    let got = unsafe { libc::recv(fd, (&raw mut byte).cast(), 1, libc::MSG_PEEK | libc::MSG_DONTWAIT) };
    match got {
        0 if pending_error(fd) => Peek::Broken,
        0 => Peek::End,
        n if n > 0 => Peek::Bytes,
        _ if io::Error::last_os_error().kind() == io::ErrorKind::WouldBlock => Peek::Nothing,
        _ => Peek::Broken,
    }
}

/// Has the kernel noted an error (such as a reset after the peer's FIN) on `fd`? Reading it clears it.
pub fn pending_error(fd: RawFd) -> bool {
    let mut error: libc::c_int = 0;
    let mut length = size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: `error` and `length` are writable, correctly sized and outlive the call.
    let code =
        unsafe { libc::getsockopt(fd, libc::SOL_SOCKET, libc::SO_ERROR, (&raw mut error).cast(), &raw mut length) };
    code != 0 || error != 0
}

/// Makes the next close of `fd` reset the connection instead of finishing it.
pub fn reset_on_close(fd: RawFd) {
    let linger = libc::linger { l_onoff: 1, l_linger: 0 };
    // SAFETY: `linger` is a plain struct of the size given; the result only matters for a dead fd.
    unsafe {
        libc::setsockopt(
            fd,
            libc::SOL_SOCKET,
            libc::SO_LINGER,
            (&raw const linger).cast(),
            size_of::<libc::linger>() as libc::socklen_t,
        );
    }
}

/// Ends the reading side of `fd`: a pending read or accept on it completes now.
pub fn end_reading(fd: RawFd) {
    // SAFETY: takes no pointers; an invalid fd is an ignored error.
    unsafe { libc::shutdown(fd, libc::SHUT_RD) };
}

/// Binds `address` with SO_REUSEPORT but does not listen: holds the port (also one the kernel chose)
/// so that every shard can listen on the same one.
pub fn reserve(address: SocketAddr) -> io::Result<(OwnedFd, SocketAddr)> {
    let family = if address.is_ipv4() { libc::AF_INET } else { libc::AF_INET6 };
    // SAFETY: takes no pointers; the result is checked.
    let fd = unsafe { libc::socket(family, libc::SOCK_STREAM | libc::SOCK_CLOEXEC, 0) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: `fd` was just returned by the kernel and has no other owner.
    let owned = unsafe { OwnedFd::from_raw_fd(fd) };
    set_flag(owned.as_raw_fd(), libc::SO_REUSEPORT)?;
    set_flag(owned.as_raw_fd(), libc::SO_REUSEADDR)?;
    bind(owned.as_raw_fd(), address)?;
    let listener = std::net::TcpListener::from(owned.try_clone()?);
    let actual = listener.local_addr()?;
    Ok((owned, actual))
}

fn set_flag(fd: RawFd, option: libc::c_int) -> io::Result<()> {
    let on: libc::c_int = 1;
    // SAFETY: `on` is a readable int of the size given.
    let code = unsafe {
        libc::setsockopt(
            fd,
            libc::SOL_SOCKET,
            option,
            (&raw const on).cast(),
            size_of::<libc::c_int>() as libc::socklen_t,
        )
    };
    if code == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

fn bind(fd: RawFd, address: SocketAddr) -> io::Result<()> {
    let code = match address {
        SocketAddr::V4(v4) => {
            let raw = libc::sockaddr_in {
                sin_family: libc::AF_INET as libc::sa_family_t,
                sin_port: v4.port().to_be(),
                sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes(v4.ip().octets()) },
                sin_zero: [0; 8],
            };
            // SAFETY: `raw` is a complete sockaddr_in and its size is given.
            unsafe { libc::bind(fd, (&raw const raw).cast(), size_of::<libc::sockaddr_in>() as libc::socklen_t) }
        }
        SocketAddr::V6(v6) => {
            let raw = libc::sockaddr_in6 {
                sin6_family: libc::AF_INET6 as libc::sa_family_t,
                sin6_port: v6.port().to_be(),
                sin6_flowinfo: v6.flowinfo(),
                sin6_addr: libc::in6_addr { s6_addr: v6.ip().octets() },
                sin6_scope_id: v6.scope_id(),
            };
            // SAFETY: `raw` is a complete sockaddr_in6 and its size is given.
            unsafe { libc::bind(fd, (&raw const raw).cast(), size_of::<libc::sockaddr_in6>() as libc::socklen_t) }
        }
    };
    if code == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::net::{TcpListener, TcpStream};

    fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
        let client = TcpStream::connect(listener.local_addr().expect("bound")).expect("connects");
        (client, listener.accept().expect("accepts").0)
    }

    /// Packets on loopback arrive soon but not at once.
    fn settles_to(fd: RawFd, want: Peek) -> bool {
        (0..200).any(|_| {
            std::thread::sleep(std::time::Duration::from_millis(5));
            peek(fd) == want
        })
    }

    #[test]
    fn peek_tells_silence_bytes_end_and_reset_apart() {
        let (mut client, server) = pair();
        assert_eq!(peek(server.as_raw_fd()), Peek::Nothing);
        client.write_all(b"x").expect("writes");
        assert!(settles_to(server.as_raw_fd(), Peek::Bytes));
        let (client, server) = pair();
        client.shutdown(std::net::Shutdown::Write).expect("half-closes");
        assert!(settles_to(server.as_raw_fd(), Peek::End));
        reset_on_close(client.as_raw_fd());
        drop(client);
        assert!(settles_to(server.as_raw_fd(), Peek::Broken), "a reset after a FIN is seen too");
    }

    #[test]
    fn a_reserved_port_can_be_listened_on_by_several() {
        let (_held, address) = reserve("127.0.0.1:0".parse().expect("literal")).expect("binds");
        assert_ne!(address.port(), 0);
        let again = reserve(address).expect("the same port again");
        assert_eq!(again.1, address);
    }
}
