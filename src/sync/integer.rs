//! The types that a value can be counted in.

use crate::raw::shareable::Shareable;

/// An integer of up to 64 bits. Implemented for the standard library's; closed to others.
pub trait Integer: Shareable + Into<i128> + sealed::Sealed {
    /// Adds, unless the sum is no number of this type.
    fn checked_add(self, by: Self) -> Option<Self>;
}

mod sealed {
    pub trait Sealed {}
}

macro_rules! integers {
    ($($integer:ty)*) => {$(
        impl sealed::Sealed for $integer {}
        impl Integer for $integer {
            #[inline]
            fn checked_add(self, by: Self) -> Option<Self> {
                <$integer>::checked_add(self, by)
            }
        }
    )*};
}

integers!(i8 i16 i32 i64 u8 u16 u32 u64);
