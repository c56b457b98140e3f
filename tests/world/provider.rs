//! Providers that do exactly what a script says, byte by byte.

use super::Socket;
use super::World;
use ringgate::clock::Clock;
use ringgate::net::Stream;
use std::cell::Cell;
use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

/// One thing a provider does.
#[derive(Clone, Debug)]
pub enum Step {
    /// Sends these bytes.
    Send(Vec<u8>),
    /// Lets time pass.
    Wait(Duration),
    /// Says that it will send no more, and listens on.
    Finish,
    /// Closes.
    Close,
    /// Resets the connection.
    Reset,
    /// Does nothing any more.
    Stall,
}

/// What the script may look at.
#[derive(Clone, Copy, Debug)]
pub struct Visit {
    /// Which connection of this provider, from 0.
    pub connection: usize,
    /// Which request of the connection, from 0.
    pub request: usize,
}

/// What a provider has seen.
#[derive(Default)]
pub struct Seen {
    /// Every request that arrived completely.
    pub requests: RefCell<Vec<Vec<u8>>>,
    /// Connections.
    pub connections: Cell<usize>,
    /// Connections that the other side reset.
    pub resets: Cell<usize>,
    /// Connections that the other side ended properly.
    pub farewells: Cell<usize>,
}

/// A provider at `address` that answers each request as `script` says.
pub fn provider(world: &World, address: SocketAddr, script: impl Fn(Visit) -> Vec<Step> + 'static) -> Rc<Seen> {
    let seen = Rc::new(Seen::default());
    let (script, told) = (Rc::new(script), Rc::clone(&seen));
    let clock = world.clone();
    world.listen(address, move |socket| {
        let (script, seen, clock) = (Rc::clone(&script), Rc::clone(&told), clock.clone());
        async move { serve(socket, clock, &*script, &seen).await }
    });
    seen
}

async fn serve(mut socket: Socket, clock: World, script: &dyn Fn(Visit) -> Vec<Step>, seen: &Seen) {
    let connection = seen.connections.replace(seen.connections.get() + 1);
    let mut pending = Vec::new();
    for request in 0.. {
        match read_request(&mut socket, &mut pending).await {
            Ok(Some(bytes)) => seen.requests.borrow_mut().push(bytes),
            Ok(None) => return seen.farewells.set(seen.farewells.get() + 1),
            Err(_) => return seen.resets.set(seen.resets.get() + 1),
        }
        for step in script(Visit { connection, request }) {
            match step {
                Step::Send(bytes) => {
                    if socket.write_all(bytes).await.0.is_err() {
                        return seen.resets.set(seen.resets.get() + 1);
                    }
                }
                Step::Wait(duration) => clock.sleep(duration).await,
                Step::Finish => socket.shutdown().await,
                Step::Close => return,
                Step::Reset => return socket.abort(),
                Step::Stall => break,
            }
        }
    }
}

/// Reads one request with its body from `stream`; `None` when the other side is done. What belongs to
/// the next request stays in `pending`.
pub async fn read_request<S: Stream>(stream: &mut S, pending: &mut Vec<u8>) -> std::io::Result<Option<Vec<u8>>> {
    loop {
        if let Some(end) = request_end(pending) {
            let rest = pending.split_off(end);
            return Ok(Some(std::mem::replace(pending, rest)));
        }
        let mut buffer = std::mem::take(pending);
        buffer.reserve(4096);
        let (read, buffer) = stream.read(buffer).await;
        *pending = buffer;
        if read? == 0 {
            return Ok(None);
        }
    }
}

fn request_end(bytes: &[u8]) -> Option<usize> {
    let head = bytes.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&bytes[..head]).expect("our own requests are ASCII");
    let length = text.lines().find_map(|line| line.strip_prefix("content-length: "));
    let end =
        head + length.map_or(0, |length| length.trim().parse::<usize>().expect("our own requests are well formed"));
    (bytes.len() >= end).then_some(end)
}
