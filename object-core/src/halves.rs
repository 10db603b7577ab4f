//! The two halves of a count word, for what programs do most: one strong reference more, and one
//! less of an object that others hold.
//!
//! ```text
//!  63  62            32   31              0
//! [ S | weak           ] [ strong          ]
//!   high: `rest`           low: `strong`
//! ```
//!
//! A load of a count that was changed a moment ago waits for that change, which costs as much as the change: a
//! compare-exchange needs such a load, and so half of a clone and its drop would be waiting. A plain decrement needs
//! none, and x86 tells by its flags if that made 0. What else has to be known of the object before it is given back, bit
//! 63, stands in the other half, for which nobody waits. But only if each operation is as wide as its half.
//! Nothing here is of one moment: who needs both halves of one moment reads the word.
//!
//! Other processors, the thread sanitizer, Miri and the models have the same of operations on the whole word. (In the
//! models `add` looks at the high half after it has added, as x86 does.)
//!
//! # Busy objects
//!
//! Most objects are given back once, and whoever sees by a load that its reference is the only one of any kind needs no
//! operation at all. So an object begins like that, and the first who gives back one of several marks it
//! (`flags::BUSY`): from then on it is given back as above.
//!
//! Between the look at bit 63 and the decrement another thread may set it. Then, if that made 1 of 2, nobody is told
//! that only the wrapper holds the object now. Nothing goes wrong by that, but time: the wrapper keeps the object, and
//! the object its wrapper. It is a cycle of two that nobody else holds; so the collector, which knows it for one, takes
//! it apart (design section 6), and whoever counts the object up and down before that settles it. The bit is set
//! when a wrapper comes to share its object's life, which has to be while a thread stands between two of its
//! instructions.

pub(crate) use imp::{add, rest, strong, sub};

#[cfg(all(
    target_arch = "x86_64",
    target_pointer_width = "64",
    not(any(loom, miri, tieback_tsan))
))]
mod imp {
    use core::arch::asm;

    use crate::primitive::sync::atomic::AtomicU64;

    /// The half that begins at byte `AT`. Relaxed.
    #[inline(always)]
    fn half<const AT: usize>(word: &AtomicU64) -> u32 {
        let half;
        // SAFETY: reads one half of a word that is there.
        unsafe {
            asm!("mov {0:e}, dword ptr [{1} + {at}]", out(reg) half, in(reg) word.as_ptr(), at = const AT,
                options(nostack, preserves_flags, readonly));
        }
        half
    }

    /// Strong references now. Relaxed.
    #[inline(always)]
    pub(crate) fn strong(word: &AtomicU64) -> u32 {
        half::<0>(word)
    }

    /// The high half now. Relaxed.
    #[inline(always)]
    pub(crate) fn rest(word: &AtomicU64) -> u32 {
        half::<4>(word)
    }

    /// Adds a strong reference. How many there were, and the high half as it was then or later. Relaxed.
    #[inline(always)]
    pub(crate) fn add(word: &AtomicU64) -> (u32, u32) {
        let mut strong = 1_u32;
        // SAFETY: changes the low half of a word that is there, as one step.
        unsafe {
            asm!("lock xadd dword ptr [{1}], {0:e}", inout(reg) strong, in(reg) word.as_ptr(),
                options(nostack));
        }
        (strong, rest(word))
    }

    /// Takes a strong reference away. True: that was the last. Release.
    #[inline(always)]
    pub(crate) fn sub(word: &AtomicU64) -> bool {
        let last: u8;
        // SAFETY: changes the low half of a word that is there, as one step, and reads nothing of it afterwards. It
        // can be gone by then.
        unsafe {
            asm!("lock dec dword ptr [{1}]", "setz {0}", out(reg_byte) last, in(reg) word.as_ptr(),
                options(nostack));
        }
        last != 0
    }
}

#[cfg(not(all(
    target_arch = "x86_64",
    target_pointer_width = "64",
    not(any(loom, miri, tieback_tsan))
)))]
mod imp {
    use crate::primitive::sync::atomic::{AtomicU64, Ordering};

    fn low(word: u64) -> u32 {
        (word & 0xFFFF_FFFF) as u32
    }

    fn high(word: u64) -> u32 {
        (word >> 32) as u32
    }

    /// Strong references now. Relaxed.
    #[inline]
    pub(crate) fn strong(word: &AtomicU64) -> u32 {
        low(word.load(Ordering::Relaxed))
    }

    /// The high half now. Relaxed.
    #[inline]
    pub(crate) fn rest(word: &AtomicU64) -> u32 {
        high(word.load(Ordering::Relaxed))
    }

    /// Adds a strong reference. How many there were, and the high half as it was then or later. Relaxed.
    #[inline]
    pub(crate) fn add(word: &AtomicU64) -> (u32, u32) {
        let old = word.fetch_add(1, Ordering::Relaxed);
        #[cfg(loom)]
        let old = (old & 0xFFFF_FFFF) | (u64::from(rest(word)) << 32);
        (low(old), high(old))
    }

    /// Takes a strong reference away. True: that was the last. Release.
    #[inline]
    pub(crate) fn sub(word: &AtomicU64) -> bool {
        low(word.fetch_sub(1, Ordering::Release)) == 1
    }
}
