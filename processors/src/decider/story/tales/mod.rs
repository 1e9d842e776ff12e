//! The tales: every rejection and disposition has at least one, and a test counts them.
//!
//! Owns the list of all. One file per subject; a tale's name says what must hold.

/// A table of tales, each of which is also a test of its own.
macro_rules! tales {
    ($($(#[doc = $doc:literal])* $name:ident: $begin:literal ends $ends:literal)+) => {
        pub const TALES: &[$crate::decider::story::Tale] = &[
            $($crate::decider::story::Tale { name: stringify!($name), begin: $begin, ends: $ends },)+
        ];

        #[cfg(test)]
        mod tests {
            $(
                $(#[doc = $doc])*
                #[test]
                fn $name() {
                    $crate::decider::story::Story::begin($begin).ends($ends);
                }
            )+
        }
    };
}

mod admission;
mod checks;
mod keys;
mod payments;
mod realms;
mod training;
mod work;

use super::Tale;

/// Every tale of the house.
pub fn all() -> impl Iterator<Item = &'static Tale> {
    [admission::TALES, checks::TALES, keys::TALES, payments::TALES, realms::TALES, training::TALES, work::TALES].into_iter().flatten()
}
