//! An allocator that keeps books over another one.

use std::alloc::Layout;
use std::collections::HashMap;
use std::ptr::NonNull;
use std::sync::{Mutex, PoisonError};

use rust_binding::allocator_api2::alloc::{AllocError, Allocator};

/// What is out, by address, and what went wrong.
#[derive(Debug, Default)]
struct Books {
    out: HashMap<usize, Layout>,
    made: u64,
    wrong: u64,
}

/// Counts what `A` hands out, and checks that it comes back as it was asked for.
#[derive(Debug, Default)]
pub(crate) struct Counting<A> {
    inner: A,
    books: Mutex<Option<Books>>,
}

/// The books at one moment.
pub(crate) struct Balance {
    pub(crate) made: u64,
    pub(crate) alive: u64,
    pub(crate) bytes: u64,
    pub(crate) wrong: u64,
}

impl<A> Counting<A> {
    pub(crate) const fn over(inner: A) -> Self {
        Self {
            inner,
            books: Mutex::new(None),
        }
    }

    fn with_books<R>(&self, f: impl FnOnce(&mut Books) -> R) -> R {
        let mut books = self.books.lock().unwrap_or_else(PoisonError::into_inner);
        f(books.get_or_insert_default())
    }

    pub(crate) fn balance(&self) -> Balance {
        self.with_books(|books| Balance {
            made: books.made,
            alive: books.out.len() as u64,
            bytes: books.out.values().map(|layout| layout.size() as u64).sum(),
            wrong: books.wrong,
        })
    }
}

// SAFETY: blocks are those of `A`, an allocator; the books touch none of them.
unsafe impl<A: Allocator> Allocator for Counting<A> {
    fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        let block = self.inner.allocate(layout)?;
        self.with_books(|books| {
            books.made += 1;
            let again = books.out.insert(block.addr().get(), layout);
            books.wrong += u64::from(again.is_some());
        });
        Ok(block)
    }

    unsafe fn deallocate(&self, start: NonNull<u8>, layout: Layout) {
        self.with_books(|books| {
            let asked = books.out.remove(&start.addr().get());
            books.wrong += u64::from(asked != Some(layout));
        });
        // SAFETY: the caller's contract is `A`'s.
        unsafe { self.inner.deallocate(start, layout) };
    }
}
