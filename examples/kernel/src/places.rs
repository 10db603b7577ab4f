//! Where bodies lie: over-aligned ones, and items in the object's own block.

use core::sync::atomic::Ordering;

use object_core::{NewError, Object, ObjectArc, PlaceError, WithItems};

use crate::objects::{Line, Node, Ring, Sheet, dropped};
use crate::owner::{KERNEL, owner_of};

fn cause<T>(error: PlaceError<T>) -> NewError {
    error.cause
}

fn lies_at<T: Object>(object: &ObjectArc<T>) -> usize {
    ObjectArc::as_ptr(object).addr().get()
}

/// Bodies at 64 and 4096, headed and owned like any other.
pub(crate) fn aligned() -> Result<(), NewError> {
    let mut lines: [Option<ObjectArc<Line>>; 40] = [const { None }; 40];
    for line in &mut lines {
        let made = ObjectArc::try_new(Line::new()).map_err(cause)?;
        assert!(lies_at(&made) % 64 == 0 && owner_of(&made) == Some(KERNEL));
        made.hits.fetch_add(1, Ordering::Relaxed);
        *line = Some(made);
    }
    let sheets = [1u8, 2, 3].map(|byte| ObjectArc::try_new(Sheet::filled(byte)).map_err(cause));
    for (sheet, byte) in sheets.into_iter().zip(1u8..) {
        let sheet = sheet?;
        assert!(lies_at(&sheet) % 4096 == 0 && owner_of(&sheet) == Some(KERNEL));
        assert!(sheet.bytes.iter().all(|&there| there == byte));
    }
    assert!(
        lines
            .iter()
            .flatten()
            .all(|line| line.hits.load(Ordering::Relaxed) == 1)
    );
    Ok(())
}

/// Items behind the body: plain, over-aligned, owning; one that cannot be made.
pub(crate) fn arrays() -> Result<(), NewError> {
    for len in [0, 1, 7, 500, 5000] {
        let head = WithItems::<Ring, u64>::new(Ring::new(len as u64));
        let ring = ObjectArc::try_with_items(head, len, |at| at as u64 * 3).map_err(cause)?;
        let items = ObjectArc::items(&ring);
        assert!(items.len() == len && ring.start == len as u64);
        assert!(
            items
                .iter()
                .enumerate()
                .all(|(at, &item)| item == at as u64 * 3)
        );
    }

    #[repr(align(64))]
    struct Wide(u8);
    let head = WithItems::<Ring, Wide>::new(Ring::new(0));
    let wide = ObjectArc::try_with_items(head, 5, |at| Wide(at as u8)).map_err(cause)?;
    for (at, item) in ObjectArc::items(&wide).iter().enumerate() {
        assert!(core::ptr::from_ref(item).addr() % 64 == 0 && usize::from(item.0) == at);
    }

    let before = dropped();
    let head = || WithItems::<Ring, ObjectArc<Node>>::new(Ring::new(0));
    let node = |at: usize| ObjectArc::try_new(Node::new(at as u64, None)).map_err(cause);
    let nodes = ObjectArc::try_with_items_fallible(head(), 20, node).map_err(cause)??;
    assert!(
        ObjectArc::items(&nodes)
            .iter()
            .map(|node| node.value)
            .sum::<u64>()
            == 190
    );
    drop(nodes);
    assert!(dropped() == before + 20);
    let half = |at: usize| {
        if at == 10 {
            Err(None)
        } else {
            node(at).map_err(Some)
        }
    };
    let stopped = ObjectArc::try_with_items_fallible(head(), 20, half).map_err(cause)?;
    if let Err(Some(no_memory)) = stopped {
        return Err(no_memory);
    }
    assert!(stopped.is_err() && dropped() == before + 30);
    Ok(())
}
