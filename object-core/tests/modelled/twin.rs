//! A copy of the counts with one weakness, or with none.

use loom::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use loom::sync::atomic::{AtomicU64, fence};
use object_core::count::{Released, Taken};

use crate::modelled::Words;

pub(crate) const RELAXED_DEC: u8 = 1;
pub(crate) const RELAXED_WEAK_DEC: u8 = 2;
pub(crate) const NO_ACQUIRE: u8 = 3;
pub(crate) const BLIND_UPGRADE: u8 = 4;
pub(crate) const RELAXED_UNIQUE: u8 = 5;
pub(crate) const LOOKS_FIRST: u8 = 6;
pub(crate) const FORGETS_WEAK: u8 = 7;
pub(crate) const RELAXED_FLAGGED_DEC: u8 = 8;
pub(crate) const COUNTS_TWICE: u8 = 9;
pub(crate) const BLIND_FLAGGED_UPGRADE: u8 = 10;
pub(crate) const RELAXED_LAST: u8 = 11;
pub(crate) const BLIND_DEC: u8 = 12;
pub(crate) const LOOKS_TWICE: u8 = 13;
pub(crate) const RELAXED_KEPT: u8 = 14;
pub(crate) const SUBTRACTS_IN_TWO: u8 = 15;
pub(crate) const RELAXED_BUSY: u8 = 16;
pub(crate) const ENDS_UNSEEN: u8 = 17;
pub(crate) const FORGETS_WEAK_BUSY: u8 = 18;
pub(crate) const LOOKS_FOR_WEAK_FIRST: u8 = 19;
pub(crate) const BUSY_TWICE: u8 = 20;

/// The same steps, but for one.
pub(crate) struct Twin<const FLAW: u8>(AtomicU64);

const WEAK: u64 = 1 << 32;
const SHARED: u64 = 1 << 63;

impl<const FLAW: u8> Twin<FLAW> {
    fn acquire(&self) {
        if FLAW != NO_ACQUIRE {
            fence(Acquire);
        }
    }

    fn dec_step(&self, old: u64, relaxed: bool) -> Result<Released, u64> {
        if old & !SHARED == 1 + WEAK || (FLAW == FORGETS_WEAK && old as u32 == 1) {
            if FLAW != RELAXED_LAST {
                self.acquire();
            }
            self.0.store(0, Relaxed);
            return Ok(Released::Both);
        }
        let order = if relaxed { Relaxed } else { Release };
        self.0.compare_exchange(old, old - 1, order, Relaxed)?;
        if old as u32 > 1 {
            return Ok(Released::Held);
        }
        self.acquire();
        Ok(Released::Body)
    }

    fn upgrade_step(&self, old: u64, blind: bool) -> Result<Taken, u64> {
        if old as u32 == 0 {
            return Ok(Taken::Dead);
        }
        if blind {
            self.0.fetch_add(1, Acquire); // it may be dead by now
        } else {
            self.0.compare_exchange(old, old + 1, Acquire, Relaxed)?;
        }
        Ok(Taken::Counted)
    }
}

impl<const FLAW: u8> Words for Twin<FLAW> {
    fn one() -> Self {
        Self(AtomicU64::new(1 + WEAK))
    }

    fn inc(&self) -> bool {
        let looked = (FLAW == LOOKS_FIRST).then(|| self.0.load(Relaxed));
        let found = self.0.fetch_add(1, Relaxed);
        let word = looked.unwrap_or(found);
        word & SHARED != 0 && word as u32 == 1
    }

    fn dec(&self) -> Released {
        let mut old = self.0.load(Relaxed);
        if FLAW == BLIND_DEC && old & SHARED == 0 {
            self.0.fetch_sub(1, Release); // the bit may be set by now
            return Released::Held;
        }
        while old & SHARED == 0 {
            match self.dec_step(old, FLAW == RELAXED_DEC) {
                Ok(released) => return released,
                Err(now) => old = now,
            }
        }
        if FLAW == COUNTS_TWICE {
            self.0.fetch_sub(1, Release); // and then slowly, too
        }
        Released::Slow
    }

    fn dec_busy(&self) -> Released {
        let first = self.0.load(Relaxed);
        if first & SHARED != 0 {
            return Released::Slow;
        }
        let order = if FLAW == RELAXED_BUSY {
            Relaxed
        } else {
            Release
        };
        if self.0.fetch_sub(1, order) as u32 > 1 {
            return match FLAW {
                BUSY_TWICE if self.0.load(Relaxed) & SHARED != 0 => Released::Slow,
                _ => Released::Held,
            };
        }
        let rest = match FLAW {
            LOOKS_FOR_WEAK_FIRST => first,
            FORGETS_WEAK_BUSY => WEAK,
            _ => self.0.load(Relaxed),
        };
        if FLAW != ENDS_UNSEEN {
            self.acquire();
        }
        if rest >> 32 != 1 {
            return Released::Body;
        }
        self.0.store(0, Relaxed);
        Released::Both
    }

    fn dec_kept(&self) -> bool {
        let old = self.0.load(Relaxed);
        if old & SHARED != 0 {
            return false;
        }
        if FLAW == SUBTRACTS_IN_TWO {
            self.0.store(old - 1, Release);
        } else {
            let order = if FLAW == RELAXED_KEPT {
                Relaxed
            } else {
                Release
            };
            self.0.fetch_sub(1, order);
        }
        true
    }

    fn upgrade(&self) -> Taken {
        let mut old = self.0.load(Relaxed);
        while old & SHARED == 0 {
            match self.upgrade_step(old, FLAW == BLIND_UPGRADE) {
                Ok(taken) => return taken,
                Err(now) => old = now,
            }
        }
        Taken::Slow
    }

    fn dec_flagged(&self) -> Released {
        let mut old = self.0.load(Relaxed);
        loop {
            match self.dec_step(old, FLAW == RELAXED_FLAGGED_DEC) {
                Ok(released) => return released,
                Err(now) => old = now,
            }
        }
    }

    fn upgrade_flagged(&self) -> Taken {
        let mut old = self.0.load(Relaxed);
        loop {
            match self.upgrade_step(old, FLAW == BLIND_FLAGGED_UPGRADE) {
                Ok(taken) => return taken,
                Err(now) => old = now,
            }
        }
    }

    fn inc_weak(&self) {
        self.0.fetch_add(WEAK, Relaxed);
    }

    fn dec_weak(&self) -> bool {
        let order = if FLAW == RELAXED_WEAK_DEC {
            Relaxed
        } else {
            Release
        };
        if self.0.load(Relaxed) & !SHARED != WEAK && self.0.fetch_sub(WEAK, order) & !SHARED != WEAK
        {
            return false;
        }
        self.acquire();
        true
    }

    fn is_unique(&self) -> bool {
        self.0.load(if FLAW == RELAXED_UNIQUE {
            Relaxed
        } else {
            Acquire
        }) == 1 + WEAK
    }

    fn set_shared(&self) -> u32 {
        self.0.fetch_or(SHARED, Relaxed) as u32
    }

    fn strong(&self) -> u32 {
        self.0.load(Relaxed) as u32
    }

    fn both(&self) -> (u32, u32) {
        let strong = self.0.load(Relaxed);
        let weak = if FLAW == LOOKS_TWICE {
            self.0.load(Relaxed)
        } else {
            strong
        };
        let all_weak = (weak & !SHARED) / WEAK;
        (strong as u32, all_weak as u32 - u32::from(weak as u32 != 0))
    }
}
