//! A page that a process shares with its children, without a name.

use std::num::NonZeroUsize;
use std::ops::Deref;
use std::ptr::NonNull;

use nix::sys::mman::{MapFlags, ProtFlags, mmap_anonymous, munmap};

/// A `T` that forked children share. It is never dropped, only unmapped.
pub struct Shared<T: Sync> {
    value: NonNull<T>,
}

impl<T: Sync> Shared<T> {
    pub fn new(value: T) -> Self {
        const { assert!(align_of::<T>() <= 4096) };
        let length = NonZeroUsize::new(size_of::<T>()).expect("a T of some size");
        let protection = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        // SAFETY: a new mapping where the kernel likes; nothing else is affected.
        let start = unsafe { mmap_anonymous(None, length, protection, MapFlags::MAP_SHARED) }
            .expect("memory for a page")
            .cast::<T>();
        // SAFETY: the mapping is writable, as long as a T, and aligned to a page.
        unsafe { start.write(value) };
        Self { value: start }
    }
}

impl<T: Sync> Deref for Shared<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: written in `new`, mapped until drop; other processes change it only through
        // a `&T` of their own, which is sound for a `Sync` type of atomics.
        unsafe { self.value.as_ref() }
    }
}

impl<T: Sync> Drop for Shared<T> {
    fn drop(&mut self) {
        // SAFETY: mapped in `new` with this length, and no reference outlives `self`.
        let _ = unsafe { munmap(self.value.cast(), size_of::<T>()) };
    }
}
