//! Every prefix at every alignment and many sizes, against plain arithmetic in 128 bits: aligned,
//! adjacent, in bounds, and refused exactly when the target could not hold it. For 16-, 32- and
//! 64-bit targets.

#![cfg(not(loom))]

use std::alloc::Layout;
use std::mem::offset_of;

use alloc_header::width::{self, MAX_16, MAX_32, MAX_64};
use alloc_header::{
    AllocHeader, BlockLayout, MAX_ALIGN, MIN_ALIGN, NEAR_ALIGN, TiedHeader, body_offset,
};

const PREFIXES: [u64; 6] = [8, 16, 24, 32, 40, 48];

fn aligns() -> impl Iterator<Item = u64> {
    (0..=16).map(|log2| 1 << log2)
}

fn sizes(max: u64) -> impl Iterator<Item = u64> {
    let small = (0..=130).chain([1000, 4095, 4096, 4097, 32_000]);
    let edge = (0..200).flat_map(move |k| [max - k, max - k * 331 % max]);
    small
        .chain(edge)
        .chain([u64::MAX, u64::MAX - 7, u64::MAX / 2 + 1, i64::MAX as u64])
}

fn round_up(n: u128, align: u64) -> u128 {
    n.div_ceil(align.into()) * u128::from(align)
}

#[test]
fn sums_agree_with_plain_arithmetic_at_every_width() {
    for max in [MAX_16, MAX_32, MAX_64] {
        for prefix in PREFIXES {
            for align in aligns() {
                let offset = round_up(prefix.into(), align);
                assert_eq!(
                    width::body_offset(prefix, align, max).ok().map(u128::from),
                    (offset <= max.into()).then_some(offset),
                );
                for size in sizes(max) {
                    let total = offset + u128::from(size);
                    let fits = round_up(total, align) <= max.into();
                    let sums = width::block(prefix, size, align, max);
                    assert_eq!(sums.is_ok(), fits, "{prefix} {size} {align} {max}");
                    let Ok(sums) = sums else { continue };
                    assert_eq!(u128::from(sums.body_offset), offset);
                    assert_eq!(u128::from(sums.size), total);
                    assert_eq!(sums.align, align);
                }
            }
        }
    }
}

#[test]
fn prefixes_and_alignments_at_the_edge_do_not_wrap() {
    for max in [MAX_16, MAX_32, MAX_64] {
        for prefix in [max - 15, max - 1, max, max + 1, u64::MAX - 1, u64::MAX] {
            for align in (0..64).map(|log2| 1u64 << log2) {
                let offset = round_up(prefix.into(), align);
                let got = width::body_offset(prefix, align, max).ok().map(u128::from);
                assert_eq!(
                    got,
                    (offset <= max.into()).then_some(offset),
                    "{prefix} {align}"
                );
            }
        }
        for words in [u64::MAX, u64::MAX - 7, u64::MAX - 15, max] {
            for align in [8, 16, 32, 65536] {
                let prefix = width::prefix(words, align);
                assert!(prefix >= words && width::block(prefix, 0, align, max).is_err());
            }
        }
        // The largest alignment of the width: a body could begin there only past the end.
        assert!(width::block(8, 0, max + 1, max).is_err());
        assert!(width::block(8, 0, max / 2 + 1, max).is_ok());
    }
}

#[test]
fn alignments_that_are_none_are_refused_and_named() {
    for align in [0, 3, 12, 24, 65535, usize::MAX] {
        assert!(body_offset(8, align).is_err());
        let error = BlockLayout::new(8, 8, align).unwrap_err();
        assert!(error.to_string().contains(&align.to_string()), "{error}");
        assert!(error.to_string().contains("not a power of two"), "{error}");
    }
    let error = BlockLayout::new(24, usize::MAX, 16)
        .unwrap_err()
        .to_string();
    for number in [24, usize::MAX, 16, isize::MAX as usize] {
        assert!(error.contains(&number.to_string()), "{error}");
    }
}

#[test]
fn block_layouts_are_layouts() {
    for prefix in PREFIXES.map(|prefix| prefix as usize) {
        for align in aligns().map(|align| align as usize) {
            for size in sizes(isize::MAX as u64).map(|size| size as usize) {
                let raised = align.max(MIN_ALIGN);
                let words = Layout::from_size_align(prefix, raised).unwrap();
                let std = Layout::from_size_align(size, raised)
                    .and_then(|body| words.extend(body))
                    .ok();
                let ours = BlockLayout::new(prefix, size, align).ok();
                let Some(ours) = ours else {
                    assert!(std.is_none_or(|(l, _)| l.size() > isize::MAX as usize - raised));
                    continue;
                };
                let (layout, offset) = std.unwrap();
                assert_eq!((ours.size(), ours.align()), (layout.size(), layout.align()));
                assert_eq!(ours.body_offset(), offset);
                assert_eq!(body_offset(prefix, raised), Ok(offset));
                assert!(offset >= prefix && offset % raised == 0);
            }
        }
    }
}

#[test]
fn near_bodies_lie_at_one_offset_and_far_ones_leave_room_for_it() {
    for prefix in PREFIXES.map(|prefix| prefix as usize) {
        let near = prefix.next_multiple_of(NEAR_ALIGN);
        for align in [1, 2, 4, 8, 16] {
            assert_eq!(
                BlockLayout::new(near, 5, align).unwrap().body_offset(),
                near
            );
        }
        let mut align = 2 * NEAR_ALIGN;
        while align <= MAX_ALIGN {
            assert!(body_offset(prefix + 8, align).unwrap() >= prefix + 8);
            align *= 2;
        }
    }
}

/// A block of `size` bytes in it, for words of `words` bytes; the places of what lies in it, in bytes
/// from its start.
fn placed(words: u64, size: u64, align: u64, max: u64) -> Option<(u64, u64, u64)> {
    let sums = width::block(width::prefix(words, align), size, align, max).ok()?;
    Some((sums.body_offset - words, sums.body_offset, sums.size))
}

/// 8: a header; 16: one with a word, or the default backing's; 24: an arena's; 32: no padding hides the
/// offset's room.
#[test]
fn headers_are_placed_alike_at_every_width() {
    let near = u64::try_from(NEAR_ALIGN).unwrap();
    for max in [MAX_16, MAX_32, MAX_64] {
        for words in [8, 16, 24, 32] {
            let fixed = placed(words, 0, 8, max).unwrap().1;
            let mut served = 0;
            for align in aligns().filter(|&align| align >= 8) {
                for size in sizes(max) {
                    let Some((at, body, end)) = placed(words, size, align, max) else {
                        continue;
                    };
                    served += 1;
                    assert!(at % 8 == 0 && body % align == 0 && end <= max);
                    if align <= near {
                        assert_eq!(body, fixed, "one offset for all near bodies");
                    } else {
                        assert!(at >= 8, "room for the offset in front of the words");
                    }
                    // A frontend's word over it: its near and far bodies have room, too.
                    let prefix = width::prefix(16, align);
                    if let Ok(over) = width::block(prefix, size, align, max) {
                        assert!(over.body_offset >= 16 + 8 * u64::from(align > near));
                        assert!(
                            placed(words, over.size, over.align, max)
                                .is_none_or(|(_, inner, end)| (inner + over.body_offset) % align
                                    == 0
                                    && end == inner + over.size)
                        );
                    }
                }
            }
            assert!(served > 400, "{served} layouts at {max}");
        }
    }
}

/// The two headers as a target whose pointers are `P`s lays them out.
#[allow(dead_code, reason = "Rust 1.85 sees no use in the assertions")]
#[repr(C)]
struct Header<P, const PAD: usize> {
    pad: [u8; PAD],
    delete_space: P,
}

#[allow(dead_code, reason = "Rust 1.85 sees no use in the assertions")]
#[repr(C)]
struct Tied<P, const PAD: usize> {
    word: P,
    pad: [u8; PAD],
    base: Header<P, PAD>,
}

/// The same bytes on every width, `delete_space` in the last ones, the word in the first.
#[allow(dead_code, reason = "Rust 1.85 sees no use in the assertions")]
const fn laid_out<P, const PAD: usize>() -> bool {
    let pointer = size_of::<P>();
    PAD == width::pad(pointer)
        && size_of::<Header<P, PAD>>() == AllocHeader::SIZE
        && offset_of!(Header<P, PAD>, delete_space) + pointer == AllocHeader::SIZE
        && size_of::<Tied<P, PAD>>() == TiedHeader::SIZE
        && offset_of!(Tied<P, PAD>, word) == 0
        && offset_of!(Tied<P, PAD>, base) == TiedHeader::SIZE - AllocHeader::SIZE
}

const _: () = {
    assert!(laid_out::<u16, { width::pad(2) }>());
    assert!(laid_out::<u32, { width::pad(4) }>());
    assert!(laid_out::<u64, { width::pad(8) }>());
    // And so does the target at hand.
    const HERE: usize = size_of::<usize>();
    assert!(laid_out::<usize, { width::pad(HERE) }>());
    assert!(offset_of!(AllocHeader, delete_space) == width::pad(HERE));
    assert!(offset_of!(TiedHeader, word) == 0);
};
