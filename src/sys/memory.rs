//! Hints about memory: to the processor, what is about to be used; to the system, what no longer is.

/// Bytes that travel together between the levels of the cache.
const LINE_BYTES: usize = 64;

/// Asks for the whole of `value` without waiting for it. Nothing but speed depends on it.
#[inline]
pub fn prefetch<T>(value: &T) {
    let start = std::ptr::from_ref(value).cast::<i8>();
    for offset in (0..size_of::<T>()).step_by(LINE_BYTES) {
        prefetch_line(start.wrapping_add(offset));
    }
}

/// Gives memory that was freed a while ago back to the system, all threads' of it that is shared.
pub fn give_back() {
    // SAFETY: may be called at any time from any thread; it touches nothing but the allocator's own books.
    unsafe { libmimalloc_sys::mi_collect(false) };
}

#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn prefetch_line(address: *const i8) {
    use std::arch::x86_64::_MM_HINT_T0;
    use std::arch::x86_64::_mm_prefetch;
    // SAFETY: a prefetch never faults and changes nothing that a program can observe, whatever the address.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(address) };
}

#[cfg(not(target_arch = "x86_64"))]
#[inline(always)]
fn prefetch_line(_address: *const i8) {}
