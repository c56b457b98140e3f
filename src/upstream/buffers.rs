//! Buffers and heads that go round instead of being allocated per request.
//!
//! One list per shard, so no lock and no sharing. What grew large is not kept: one 10 MB answer must
//! not pin 10 MB for ever.

use std::cell::RefCell;

/// Capacity of a fresh buffer, bytes: head and body of a usual answer fit, so one read fetches both. Not a power of
/// two, which would crowd the beginnings of all buffers into a few places of the processor's cache.
pub const BUFFER_BYTES: usize = 20 * 1024;
/// Most things of one kind kept for reuse.
const KEPT_MAX: usize = 256;
/// A buffer that grew beyond this many bytes is given back to the allocator.
const KEPT_BYTES_MAX: usize = 4 * BUFFER_BYTES;

/// A bounded stack of things to use again.
#[derive(Debug)]
pub(super) struct FreeList<T> {
    kept: RefCell<Vec<T>>,
}

impl<T> Default for FreeList<T> {
    fn default() -> Self {
        FreeList { kept: RefCell::new(Vec::new()) }
    }
}

impl<T> FreeList<T> {
    pub(super) fn take(&self) -> Option<T> {
        self.kept.borrow_mut().pop()
    }

    pub(super) fn give(&self, thing: T) {
        let mut kept = self.kept.borrow_mut();
        if kept.len() < KEPT_MAX {
            kept.push(thing);
        }
    }
}

/// The shard's byte buffers.
#[derive(Debug, Default)]
pub struct Buffers {
    free: FreeList<Vec<u8>>,
}

impl Buffers {
    /// An empty buffer of at least [`BUFFER_BYTES`].
    pub fn take(&self) -> Vec<u8> {
        self.free.take().unwrap_or_else(|| Vec::with_capacity(BUFFER_BYTES))
    }

    /// Takes a buffer back; its content is forgotten. Any buffer will do, too small or too large ones
    /// are simply dropped.
    pub fn give(&self, mut buffer: Vec<u8>) {
        if (BUFFER_BYTES..=KEPT_BYTES_MAX).contains(&buffer.capacity()) {
            buffer.clear();
            self.free.give(buffer);
        }
    }

    /// How many buffers wait for use.
    pub fn kept(&self) -> usize {
        self.free.kept.borrow().len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_comes_back_empty() {
        let buffers = Buffers::default();
        let mut buffer = buffers.take();
        buffer.extend_from_slice(b"another tenant's answer");
        buffers.give(buffer);
        assert_eq!(buffers.kept(), 1);
        let buffer = buffers.take();
        assert!(buffer.is_empty() && buffer.capacity() >= BUFFER_BYTES);
    }

    #[test]
    fn neither_dwarfs_nor_giants_are_kept_and_never_too_many() {
        let buffers = Buffers::default();
        buffers.give(Vec::new());
        buffers.give(Vec::with_capacity(KEPT_BYTES_MAX + 1));
        assert_eq!(buffers.kept(), 0);
        for _ in 0..KEPT_MAX + 10 {
            buffers.give(Vec::with_capacity(BUFFER_BYTES));
        }
        assert_eq!(buffers.kept(), KEPT_MAX);
    }
}
