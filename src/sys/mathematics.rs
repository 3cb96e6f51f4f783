//! Two functions of C's mathematics library, for programs that start often.
//!
//! A progress bar and a plot call them; for their sake `libm.so` would be loaded at each start, which takes
//! 80 of the 900 µs of a `shmcount add`. What the linker finds in the program itself it does not look for
//! in a library.

pub use libm;

/// Defines them, for a program and all that it is linked from.
#[macro_export]
#[doc(hidden)]
macro_rules! mathematics {
    () => {
        // SAFETY: the program's only `pow`, and like C's in what it takes and returns.
        #[unsafe(no_mangle)]
        extern "C" fn pow(base: f64, exponent: f64) -> f64 {
            $crate::sys::mathematics::libm::pow(base, exponent)
        }

        // SAFETY: as above.
        #[unsafe(no_mangle)]
        extern "C" fn log(number: f64) -> f64 {
            $crate::sys::mathematics::libm::log(number)
        }
    };
}
