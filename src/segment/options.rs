//! How a segment is made or opened.

use std::time::Duration;

use super::error::Error;
use super::header;
use super::name::Name;
use super::{FIRST_ENTRY, Mapped, Segment, used_of};
use crate::raw::patience::FirstLook;
use crate::raw::protocol::{Announce, Protocol, ReleaseBy, Wakes};
pub use crate::sys::backoff::Spin;
use crate::sys::process::Origin;
use crate::sys::shm::Mapping;
use crate::sys::{futex, membarrier, robust_list};

/// How the locks of a segment are released. Recorded in the segment: its processes must agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Release {
    /// By an atomic exchange. Works on every kernel.
    Exchange = 0,
    /// By a plain store, about half the price; who goes to sleep pays with `membarrier(2)`. Needs
    /// Linux 5.16.
    Plain = 1,
}

/// How to make or open a segment.
#[derive(Clone, Debug)]
pub struct SegmentOptions {
    capacity: usize,
    release: Option<Release>,
    spin: Spin,
    first_look: FirstLook,
    temporary: bool,
}

impl Default for SegmentOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl SegmentOptions {
    /// Room for some hundred small objects: 64 KiB with the header.
    pub const DEFAULT_CAPACITY: usize = 64 * 1024 - FIRST_ENTRY;
    /// Long beside what locks are held for, short for whoever sits before a program that hangs.
    const FIRST_LOOK: Duration = Duration::from_millis(100);

    /// Starts with the defaults.
    pub fn new() -> Self {
        Self {
            capacity: Self::DEFAULT_CAPACITY,
            release: None,
            spin: Spin::Timed,
            first_look: FirstLook::after(Self::FIRST_LOOK),
            temporary: false,
        }
    }

    /// Sets how many bytes there are for objects and their directory entries of 128 bytes each.
    pub fn capacity(mut self, bytes: usize) -> Self {
        self.capacity = bytes;
        self
    }

    /// Sets how locks are released [default: plain where the kernel can, else exchange].
    pub fn release(mut self, release: Release) -> Self {
        self.release = Some(release);
        self
    }

    /// Sets whether this process polls a contended lock before it sleeps [default: 50 µs].
    pub fn spin(mut self, spin: Spin) -> Self {
        self.spin = spin;
        self
    }

    /// Sets after what time this process looks whether it waits for a lock in a circle of processes that
    /// wait for each other's, and that others can see it wait, in whole milliseconds up to 65 seconds
    /// [default: 100 ms]. No time is never.
    ///
    /// Looking wakes who waits then, and at least twice a second from there on. Who never looks is not
    /// seen by others either: no circle that it is part of is found.
    pub fn look_for_deadlocks_after(mut self, wait: Option<Duration>) -> Self {
        self.first_look = wait.map_or(FirstLook::NEVER, FirstLook::after);
        self
    }

    /// Marks the segment as of no use to anybody once its creator has ended.
    pub fn temporary(mut self) -> Self {
        self.temporary = true;
        self
    }

    /// Makes a segment.
    ///
    /// # Errors
    ///
    /// As [`Segment::create`]; [`Error::NoPlainRelease`] when that was asked for.
    pub fn create(&self, name: &str) -> Result<Segment, Error> {
        let name = Name::new(name)?;
        robust_list::check()?;
        let size = (FIRST_ENTRY.checked_add(self.capacity))
            .and_then(|bytes| bytes.checked_next_multiple_of(64))
            .filter(|size| isize::try_from(*size).is_ok());
        let size = size.ok_or_else(|| Error::NoSpace {
            name: name.clone(),
            size: self.capacity,
        })?;
        let sleeps_on_both = futex::can_wait_either();
        let release = self.release_of_new_segment(sleeps_on_both)?;
        let wakes = match sleeps_on_both {
            true => Wakes::Generation,
            false => Wakes::Word,
        };
        let protocol = self.protocol(release, wakes, sleeps_on_both);
        let fill = |mapping: &Mapping, creator: Origin| {
            header::Header::new(mapping, creator, release, protocol.wakes, self.temporary)?
                .write(mapping);
            used_of(mapping, protocol).initialize(&(FIRST_ENTRY as u64));
            Ok::<_, std::io::Error>(())
        };
        let mapping = Mapping::publish(&name.file(), size, fill).map_err(|source| match source
            .raw_os_error()
        {
            _ if source.kind() == std::io::ErrorKind::AlreadyExists => {
                Error::AlreadyExists { name: name.clone() }
            }
            Some(libc::ENOSPC | libc::EFBIG) => Error::NoSpace {
                name: name.clone(),
                size,
            },
            _ => Error::system("make", &name, source),
        })?;
        Ok(Segment::of(Mapped::new(name, mapping, protocol)))
    }

    /// Opens a segment.
    ///
    /// # Errors
    ///
    /// As [`Segment::open`].
    pub fn open(&self, name: &str) -> Result<Segment, Error> {
        let name = Name::new(name)?;
        robust_list::check()?;
        let (mapping, header) = header::open_checked(&name)?;
        let wakes = header.wakes();
        let sleeps_on_both = wakes == Wakes::Generation && futex::can_wait_either();
        let protocol = self.protocol(header.release(), wakes, sleeps_on_both);
        Ok(Segment::of(Mapped::new(name, mapping, protocol)))
    }

    /// Opens a segment, or makes it when there is none.
    ///
    /// # Errors
    ///
    /// As [`Segment::open_or_create`].
    pub fn open_or_create(&self, name: &str) -> Result<Segment, Error> {
        loop {
            match self.open(name) {
                Err(Error::NotFound { .. }) => {}
                opened => return opened,
            }
            match self.create(name) {
                Err(Error::AlreadyExists { .. }) => {}
                created => return created,
            }
        }
    }

    fn release_of_new_segment(&self, sleeps_on_both: bool) -> Result<Release, Error> {
        let plain_works = || sleeps_on_both && membarrier::register();
        match self.release {
            Some(Release::Exchange) => Ok(Release::Exchange),
            Some(Release::Plain) if !plain_works() => Err(Error::NoPlainRelease),
            Some(Release::Plain) => Ok(Release::Plain),
            None if plain_works() => Ok(Release::Plain),
            None => Ok(Release::Exchange),
        }
    }

    /// What this process does in a segment that is released in this way.
    fn protocol(&self, release: Release, wakes: Wakes, sleeps_on_both: bool) -> Protocol {
        let (release, announce) = match release {
            Release::Exchange => (ReleaseBy::Exchange, Announce::AtomicOnly),
            Release::Plain if membarrier::register() => {
                (ReleaseBy::PlainStore, Announce::Membarrier)
            }
            // Not registered, barriers of sleepers do not reach us: release so that none is needed.
            Release::Plain => (ReleaseBy::Exchange, Announce::Refused),
        };
        Protocol {
            release,
            announce,
            wakes,
            sleeps_on_both,
            spin: self.spin,
            first_look: self.first_look,
        }
    }
}
