//! How much memory a node's process may hold in reserve.

/// Blocks from this size on, B, are mapped and given back one by one: point clouds, images, tensors.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const MAPPED: i32 = 256 << 10;
/// So much, B, may stay free at the end of the heap before it is given back.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const RESERVE: i32 = 4 << 20;

/// Keeps glibc's allocator from growing for hours. By itself it gives each thread an arena, which keeps what the largest
/// message took that this thread ever handled, and from the first large block that is freed it takes blocks up to
/// 32 MB from there. To be called before there are threads; other allocators need nothing.
pub(crate) fn hold_little() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    for (what, value) in [(libc::M_ARENA_MAX, 2), (libc::M_MMAP_THRESHOLD, MAPPED), (libc::M_TRIM_THRESHOLD, RESERVE)] {
        // SAFETY: mallopt takes two numbers, and no other thread allocates yet; what it refuses leaves all as it was.
        #[allow(unsafe_code)]
        unsafe {
            libc::mallopt(what, value);
        }
    }
}
