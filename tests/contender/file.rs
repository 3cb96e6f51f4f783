//! What the locks of files say to a file that is not there, or not the same.

use std::io;
use std::thread;

use shmcount::contender::{Flock, ForeignLock, Ofd};

use crate::arena::Arena;
use crate::watchdog::watched;

fn refuses_a_missing_file<L: ForeignLock>() {
    let arena = Arena::new();
    let mut place = arena.place();
    place.file = "/proc/self/fd/none".as_ref();
    // SAFETY: the memory is new and all zero.
    let created = unsafe { L::create(&place) };
    assert_eq!(created.unwrap_err().kind(), io::ErrorKind::NotFound);
}

fn refuses_another_file_of_the_same_name<L: ForeignLock>() {
    watched(|| {
        let mut arena = Arena::with::<L>();
        let lock: L = arena.attach();
        lock.lock().unwrap();
        arena.replace_file();
        thread::scope(|scope| {
            let other = scope.spawn(|| lock.lock().unwrap_err());
            assert_eq!(other.join().unwrap().raw_os_error(), Some(libc::ESTALE));
        });
        lock.unlock().unwrap();
    });
}

macro_rules! checks_its_file {
    ($($name:ident: $lock:ty,)*) => {$(
        mod $name {
            use super::*;

            #[test]
            fn create_refuses_a_missing_file() {
                refuses_a_missing_file::<$lock>();
            }

            #[test]
            fn thread_is_refused_a_file_that_took_over_the_name() {
                refuses_another_file_of_the_same_name::<$lock>();
            }
        }
    )*};
}

checks_its_file! {
    flock: Flock,
    ofd: Ofd,
}
