//! Hints to the processor about memory that is about to be used.

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
