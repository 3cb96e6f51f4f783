//! A lock that locks nothing: the suites must tell.

use std::io;

use shmcount::contender::{Acquired, ForeignLock, Place};

pub struct Broken;

// SAFETY: none: it breaks the contract on purpose, and only atomics stand behind
// it here.
unsafe impl ForeignLock for Broken {
    const NAME: &'static str = "broken";
    const BYTES: usize = 0;

    unsafe fn create(_: &Place) -> io::Result<()> {
        Ok(())
    }

    unsafe fn attach(_: &Place) -> io::Result<Self> {
        Ok(Self)
    }

    fn lock(&self) -> io::Result<Acquired> {
        Ok(Acquired::Clean)
    }

    fn unlock(&self) -> io::Result<()> {
        Ok(())
    }
}
