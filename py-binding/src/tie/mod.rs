//! The tie: which wrapper shows an object, and when its storage comes and goes.
//!
//! An object lives in native code. The first time Python looks at it, it gets a wrapper, and the
//! back word in front of its body names that wrapper, so that every later look finds the same one.
//!
//! ```text
//!      Python                                   native
//!
//!   wrapper W                                   object O
//!  +-----------------+                         +-------------------------+
//!  | Python count    |        back word        | back word | free | body |
//!  | class           | <---------------------------- W     |      |  ^   |
//!  | handle ----------------------------------------------------------'   |
//!  +-----------------+   one strong reference  +-------------------------+
//! ```
//!
//! # States of the back word
//!
//! | state | word | meaning |
//! |---|---|---|
//! | Detached | 0 | no wrapper |
//! | Active | `W` | `W` is canonical and owns one strong reference; its Python count may just have reached 0 |
//! | Inactive | `W + 1` | `W` died; its storage and class are kept, to be revived at the same address |
//! | Reviving | `W + 2` | free-threaded builds: one thread rebuilds `W`, others wait |
//! | Locked | `+ 4` | free-threaded builds: the word is its own lock |
//!
//! ```text
//!                 wrap / adopt: a fresh wrapper
//!     Detached -------------------------------> Active(W) <---------------.
//!        ^                                       |     |                  | wrap: revived in place
//!        |  W dies and nobody else holds O,      |     | W dies, O lives  |
//!        |  or W's class carries state, or move  |     v                  |
//!        '---------------------------------------'   Inactive(W) ---------'
//!        ^                                             |
//!        '------------------- trim --------------------+
//!                                                      | O dies
//!                                                      v
//!                                                    storage freed
//! ```
//!
//! # Doors
//!
//! - [`wrap`]: an object is shown to Python. Never runs Python code.
//! - [`rewrap`]: the same for storage that is kept, and nothing else; with a GIL only. [`rewrap_plain`]: for such that is
//!   revived without a call.
//! - [`adopt`]: a constructor binds the wrapper it was given to the object it made.
//! - [`introduce`]: the same, where nobody else can have the object yet.
//! - [`dealloc`]: a wrapper's Python count reached 0. Settles the word *before* it gives its
//!   reference back, and touches neither wrapper nor object after.
//! - [`put_away`]: the same for storage that was kept before and is again, and nothing else; with a GIL only.
//! - [`entrust`]: before that, where the collector has to see the wrapper: the object takes it, if others
//!   hold the object.
//! - [`release`]: a move hands the native reference over and empties the wrapper.
//! - [`kept_storage`]: the object's block is about to go: what wrapper storage goes with it.
//! - [`trim`]: kept storage is wanted back from an object that lives. It is found by the storage, which
//!   says for whom it is kept: see [`mark`].
//!
//! What each door does to each state is a table of pure functions ([`step`]); the doors act on its
//! answers. Everything the tie needs of the outside is one trait ([`Host`]), so that it runs with
//! an interpreter, in a table test, and in a model checker alike.
//!
//! # Without a GIL
//!
//! Every look holds the word, and takes a Python reference by trying: a wrapper is *armed* for that
//! before a word names it, and again after each revival. What is not quiet happens outside of the
//! lock:
//!
//! ```text
//!  thread 1, revives                thread 2, fetches too           thread 3, drops the last one
//!  hold, Inactive -> Reviving       hold, Reviving: let go          count 0
//!  rebuild W, arm, handle := O        wait, detached                hold, Active -> Inactive
//!  hold, Reviving -> Active         hold, Active, try: alive        one native decrement
//! ```
//!
//! Who finds a wrapper of count 0 that the word still names waits for its thread to settle, detached
//! and for a bounded number of rounds: it may be this very thread's, parked by the interpreter. Then the
//! word is taken over, as it is at once with a GIL.
//!
//! # Invariants
//!
//! - **I1** When a wrapper goes out of scope its strong reference is released, always.
//! - **I2** When an object dies, the wrapper storage it kept is reclaimed.
//! - **I3** A wrapper's handle is null or a live object it owns one reference to.
//! - **I4** Only this module sets or clears tag bits; every wrapper passed in is untagged.
//! - **I5** Reviving marks an in-place revival by one thread and nothing else.
//! - **I6** Nothing that can run Python code, allocate Python memory or take another lock happens
//!   while the word is locked. Order: slot, then word.
//! - **I7** Dropping a native reference never waits for the interpreter: what belongs to Python and
//!   cannot be freed here and now goes to a lock-free [list](deferred), behind a [gate].
//!
//! # Locks
//!
//! | what | guarded by |
//! |---|---|
//! | back word, states of a live object | the word's [lock]: the GIL itself, or where there is none a bit of the word |
//! | back word in `kept_storage` | nobody else can reach it, both counts are 0, but a trim: the host looks again behind it |
//! | a wrapper's handle | the word's lock of the object it points to; in Reviving, the thread that revives |
//! | the object behind a handle, while Python's side uses it | a loan: whoever moves it out needs that there is none |
//! | who owns a wrapper with state; bit 63 | the word's lock: see [`share`] |
//! | the deferred list | lock-free: push by compare-exchange, drain by swapping the whole list |
//! | the gate | one atomic: closed bit and readers |
//! | the pending call | one atomic bit: a push asks for a call unless one is on its way |

pub mod word;
pub mod step;
pub mod gate;
pub mod pending;
pub mod mark;
#[allow(unsafe_code)]
pub mod deferred;
pub mod lock;
#[allow(unsafe_code)]
pub mod settle;
#[allow(unsafe_code)]
pub mod host;
#[allow(unsafe_code)]
pub mod share;
#[allow(unsafe_code)]
mod wrap;
#[allow(unsafe_code)]
mod teardown;
#[allow(unsafe_code)]
mod rebind;
#[allow(unsafe_code)]
mod trim;

pub use host::{Host, Object};
pub use rebind::{Adopted, adopt, introduce, release};
pub use teardown::{dealloc, entrust, kept_storage, put_away};
pub use trim::trim;
pub use word::{State, Word, Wrapper};
pub use wrap::{hit, rewrap, rewrap_plain, wrap};
