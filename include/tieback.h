// Tieback for C: objects that every language of the process can hold, behind one runtime table.
//
// MADE by `cargo run -p header` from the Rust definitions and from ci/header/helpers.h: change those.
// docs/abi.md documents every byte, who owns each argument, and which thread may call what.
//
// A library is one shared object that exports one symbol:
//
//     #include <tieback.h>
//
//     static int32_t add(void *self, const tb_RawAny *args, int32_t n, tb_RawAny *result) { ... }
//
//     static int32_t load(const tb_RuntimeTable *tb, tb_RawAny *error) {
//         static const tb_Export exports[] = {{"shop.add", add, "(a, b, /)", "The sum."}};
//         return tb_register_functions(tb, exports, 1, error);
//     }
//
//     TB_EXPORT_LIBRARY(load)
//
// examples/c-library is a whole one. C never reads or writes reference counts: the table's functions do.

#ifndef TIEBACK_H
#define TIEBACK_H

#include <stddef.h>
#include <stdint.h>
#if defined(_MSC_VER)
#define TB_ALIGNED(bytes) __declspec(align(bytes))
typedef __declspec(align(8)) uint64_t tb_aligned_u64;
typedef __declspec(align(8)) int64_t tb_aligned_i64;
#else
#define TB_ALIGNED(bytes) __attribute__((aligned(bytes)))
/* Of 8 bytes' alignment also where C aligns 64-bit numbers to 4. */
typedef uint64_t tb_aligned_u64 __attribute__((aligned(8)));
typedef int64_t tb_aligned_i64 __attribute__((aligned(8)));
#endif
#if UINTPTR_MAX == 0xffffffffu
#define TB_32_BIT
#endif


// No value.
#define TB_TYPE_NONE 0

// An `i64`.
#define TB_TYPE_INT 1

// A `bool`, stored as 0 or 1 in 64 bits.
#define TB_TYPE_BOOL 2

// An `f64`.
#define TB_TYPE_FLOAT 3

// An address that nobody owns.
#define TB_TYPE_OPAQUE_PTR 4

// `const char*`, ends with NUL; only in an `AnyView`.
#define TB_TYPE_RAW_STR 8

// `ByteSlice*`; only in an `AnyView`.
#define TB_TYPE_BYTE_SLICE_PTR 9

// Address of an object pointer that the callee may take (and null); only in an
// `AnyView`.
#define TB_TYPE_RVALUE_REF 10

// A string of at most 7 bytes, in place.
#define TB_TYPE_SMALL_STR 11

// At most 7 bytes, in place.
#define TB_TYPE_SMALL_BYTES 12

// From here on the value is an object's address.
#define TB_TYPE_STATIC_OBJECT_BEGIN 64

// The root of all object types.
#define TB_TYPE_OBJECT 64

// A string object.
#define TB_TYPE_STR 65

// A bytes object.
#define TB_TYPE_BYTES 66

// An error.
#define TB_TYPE_ERROR 67

// A function.
#define TB_TYPE_FUNCTION 68

// An immutable array of values.
#define TB_TYPE_ARRAY 71

// An immutable map.
#define TB_TYPE_MAP 72

// Something of a frontend's that the runtime only carries.
#define TB_TYPE_OPAQUE 74

// A mutable list.
#define TB_TYPE_LIST 75

// A mutable map.
#define TB_TYPE_DICT 76

// In the description of a field, on its way into the table: of the type that is described.
#define TB_TYPE_THIS (-1)

// The first number handed out at run time.
#define TB_TYPE_DYNAMIC_BEGIN 128

// How many types a runtime can hold, the fixed ones included.
#define TB_TYPE_LIMIT (1 << 18)

// Bit of a `Deleter` call: the last strong reference went, drop the body.
#define TB_DELETE_BODY 1

// Bit of a `Deleter` call: the last weak reference went, free the space.
#define TB_DELETE_SPACE 2

// Proof that an allocation header stands in front of the body. Set only by the code that
// placed the body there; without it nothing ever reads memory in front of a body.
#define TB_FLAG_HEADED 1

// The slot lock is taken.
#define TB_FLAG_SLOT_LOCK (1 << 1)

// Dropping the body drops no other object: its drop need not go through the drop list.
#define TB_FLAG_LEAF (1 << 2)

// Items lie behind the body.
#define TB_FLAG_ITEMS (1 << 3)

// The body has nothing to drop: the deleter would do nothing but have the space freed, which may
// as well be done without it. Only beside `HEADED`.
#define TB_FLAG_PLAIN (1 << 4)

// A strong reference was given back that was not the last one, so more of that is to come: a hint, which
// may be missing (`halves.rs`).
#define TB_FLAG_BUSY (1 << 5)

// Of a function: it may run while the interpreter is released.
#define TB_FLAG_RELEASES_INTERPRETER (1 << 8)

// First bit of the tying frontend's.
#define TB_FLAG_FRONTEND_SHIFT 16

// The result is in its place, and the caller's.
#define TB_CALL_OK 0

// An owned `Error` is there.
#define TB_CALL_FAILED 1

// Of a `LendCall` only: an object that lives as long as the caller holds the arguments, and
// is not the caller's. No number that anybody fails with by chance ("lent").
#define TB_CALL_BORROWED 1818586740

// 1 byte, signed.
#define TB_KIND_I8 1

// 2 bytes, signed.
#define TB_KIND_I16 2

// 4 bytes, signed.
#define TB_KIND_I32 3

// 8 bytes, signed.
#define TB_KIND_I64 4

// 1 byte, unsigned.
#define TB_KIND_U8 5

// 2 bytes, unsigned.
#define TB_KIND_U16 6

// 4 bytes, unsigned.
#define TB_KIND_U32 7

// 8 bytes, unsigned.
#define TB_KIND_U64 8

// IEEE single.
#define TB_KIND_F32 9

// IEEE double.
#define TB_KIND_F64 10

// One byte, 0 or 1.
#define TB_KIND_BOOL 11

// A `RawAny` that holds a string.
#define TB_KIND_STR 12

// A `RawAny` that holds bytes.
#define TB_KIND_BYTES 13

// A pointer to an object, which owns a strong reference; null is "no value yet", or None if
// the field is optional.
#define TB_KIND_OBJECT 14

// A pointer to an object, which owns a weak reference; null is None.
#define TB_KIND_WEAK 15

// A `RawAny` that holds anything.
#define TB_KIND_ANY 16

// Set once, at construction; readers take no lock.
#define TB_FIELD_FROZEN 1

// The field may be None (kinds `Object`, `Str`, `Bytes`, and `Any` with a `value_kind`).
#define TB_FIELD_OPTIONAL (1 << 1)

// Called without the object as first argument.
#define TB_METHOD_STATIC 1

// Bodies are plain fields by the reflected layout and nothing else, so that a frontend can
// make, drop and copy them by reflection.
#define TB_BODY_REFLECTED 1

// Layouts below belong to this number; libraries of another one are refused.
#define TB_ABI_MAJOR 1

// Grows when the runtime table grows; a library newer than its host is refused.
#define TB_ABI_MINOR 3

// The key is taken by a type with another fingerprint.
#define TB_REGISTER_CONFLICT (-1)

// The parent's number is no type.
#define TB_REGISTER_UNKNOWN_PARENT (-2)

// A key, name, kind, offset or alignment that cannot be.
#define TB_REGISTER_BAD_DESCRIPTION (-3)

// No memory.
#define TB_REGISTER_OUT_OF_MEMORY (-4)

// The table is full.
#define TB_REGISTER_TOO_MANY (-5)

// Done.
#define TB_FUNCTION_OK 0

// The name is taken and `override` was not asked for.
#define TB_FUNCTION_TAKEN (-1)

// What should have been registered is no function object.
#define TB_FUNCTION_NOT_A_FUNCTION (-3)

// No memory.
#define TB_FUNCTION_OUT_OF_MEMORY (-4)

// Done.
#define TB_CONTAINER_DONE 0

// There is no such index or key, or nothing left.
#define TB_CONTAINER_ABSENT 0

// It is there.
#define TB_CONTAINER_FOUND 1

// The container is not of the version that was named.
#define TB_CONTAINER_CHANGED (-1)

// No memory; nothing has changed.
#define TB_CONTAINER_OUT_OF_MEMORY (-4)

// As a version: whichever it is.
#define TB_ANY_VERSION UINT64_MAX

// Everything is registered.
#define TB_LIBRARY_OK 0

// Something failed; `error` says what. Nothing was registered.
#define TB_LIBRARY_FAILED 1

// The versions do not fit; nothing was touched.
#define TB_LIBRARY_REFUSED 2

// The library already runs its own runtime.
#define TB_LIBRARY_OWN_RUNTIME 3

// Makes a block, wires its prefix, and returns the body; NULL when it cannot.
//
// `size` and `align` are the body's, in bytes. `type_index` is the type the body is meant for, as
// a hint (0 when there is none). `context` is the entry's. The contract is at
// `AllocatorEntry::new`.
typedef void *(*tb_AllocateFn)(size_t size, size_t align, int32_t type_index, void *context);

// An allocator as the registry knows it, in C layout: `{ allocate, context }`.
//
// Entries are used as `&'static`, from any thread. The fields are private because
// `allocate`, which is safe, relies on what `new` was promised.
typedef struct tb_AllocatorEntry {
    tb_AllocateFn allocate;
    void *context;
} tb_AllocatorEntry;

// The two slots, in C layout: `{ backing, frontend }`, two pointers.
//
// All methods may be called from any thread.
typedef struct tb_Registry {
    const struct tb_AllocatorEntry *backing;
    const struct tb_AllocatorEntry *frontend;
} tb_Registry;

// Drops the body (bit `DELETE_BODY`), frees the space (bit `DELETE_SPACE`), or both.
//
// It never touches the counts, never unwinds, and is called once for each bit.
typedef void (*tb_Deleter)(void *object, int32_t bits);

// Returns the whole block that `body` lies in.
//
// Called once per block, with the very body pointer the allocator gave out (the body's own memory
// is unspecified by then), on any thread, and from C frames: it must not unwind.
typedef void (*tb_DeleteSpace)(void *body);

// The head of every object: the first field of every `#[repr(C)]` object struct.
typedef struct tb_ObjectHeader {
    tb_aligned_u64 counts;
    int32_t type_index;
    uint32_t flags;
    tb_Deleter deleter;
} tb_ObjectHeader;

// A borrowed run of bytes, UTF-8 where it is text. `data` may be null when `len` is 0.
typedef struct tb_ByteSlice {
    // First byte.
    const uint8_t *data;
    // How many bytes.
    size_t len;
} tb_ByteSlice;

// The eight bytes of a value; which field holds is told by the type index beside them.
typedef union tb_AnyValue {
    // `INT`, `BOOL`.
    int64_t i64;
    // `FLOAT`.
    double f64;
    // Objects.
    struct tb_ObjectHeader *object;
    // `OPAQUE_PTR`, `RAW_STR`, `BYTE_SLICE_PTR`, `RVALUE_REF`.
    void *pointer;
    // `SMALL_STR`, `SMALL_BYTES`: the length stands in `small_len`.
    uint8_t bytes[8];
} tb_AnyValue;

// A value of any type: 16 bytes, aligned to 8. Whether it owns its object is said by who holds it.
typedef struct TB_ALIGNED(8) tb_RawAny {
    // What the value is.
    int32_t type_index;
    // Length of a small string or bytes; 0 for everything else.
    uint32_t small_len;
    // The value.
    union tb_AnyValue value;
} tb_RawAny;

// A packed call: `args` are borrowed for the call, `result` is written once, owned by the caller.
//
// Returns a `call_status`. Never unwinds.
typedef int32_t (*tb_SafeCall)(void *function,
                               const struct tb_RawAny *args,
                               int32_t num_args,
                               struct tb_RawAny *result);

// One field of a type.
typedef struct tb_FieldInfo {
    struct tb_ByteSlice name;
    struct tb_ByteSlice doc;
    // Bytes from the body's start.
    uint32_t offset;
    // A `FieldKind` by number.
    uint8_t kind;
    // For kind `Any` with `OPTIONAL`: the kind, by number, of the integer, float or
    // bool that it holds if it is not None; 0 if that may be anything. For other kinds 0. (Since 1.3.)
    uint8_t value_kind;
    // 0.
    uint8_t reserved[2];
    // `field_flags`.
    uint32_t flags;
    // For objects and weak references: the type it must be an instance of. In a description it may
    // be `THIS`.
    int32_t type_index;
} tb_FieldInfo;

// One method of a type. A method named `__new__` (static) constructs: the class call calls it.
typedef struct tb_MethodInfo {
    struct tb_ByteSlice name;
    struct tb_ByteSlice doc;
    // The function; the type table holds a reference.
    struct tb_ObjectHeader *function;
    // `method_flags`.
    uint32_t flags;
    // 0.
    uint32_t reserved;
} tb_MethodInfo;

// What the runtime knows of a type; immutable and alive as long as the process.
typedef struct tb_TypeInfo {
    // The type's number.
    int32_t type_index;
    // How many ancestors it has; the root has none.
    int32_t depth;
    // Its name in the process, such as `crate_graph.Package`.
    struct tb_ByteSlice key;
    // Its documentation.
    struct tb_ByteSlice doc;
    // `depth` ancestors, the root first, the parent last.
    const struct tb_TypeInfo *const *ancestors;
    // Own fields, without the parents'.
    const struct tb_FieldInfo *fields;
    // Own methods, without the parents'.
    const struct tb_MethodInfo *methods;
    // How many fields.
    uint32_t num_fields;
    // How many methods.
    uint32_t num_methods;
    // Bytes of a body, without in-place items; 0 if opaque.
    uint32_t size;
    // Alignment of a body.
    uint32_t align;
    // `type_flags`.
    uint32_t flags;
    uint32_t reserved;
    // A number made of size, alignment, flags, fields and parent: equal for equal layouts.
    tb_aligned_u64 fingerprint;
} tb_TypeInfo;

// A type on its way into the table; everything is borrowed for the call and copied.
typedef struct tb_TypeDesc {
    // As in `TypeInfo`.
    struct tb_ByteSlice key;
    // As in `TypeInfo`.
    struct tb_ByteSlice doc;
    // The parent's number; `OBJECT` for none.
    int32_t parent;
    // As in `TypeInfo`.
    uint32_t flags;
    // As in `TypeInfo`; with `REFLECTED` a header's at least, and the
    // parent is reflected too.
    uint32_t size;
    // As in `TypeInfo`.
    uint32_t align;
    // As in `TypeInfo`.
    const struct tb_FieldInfo *fields;
    // As in `TypeInfo`; functions are borrowed, the table takes its own references.
    const struct tb_MethodInfo *methods;
    // How many fields.
    uint32_t num_fields;
    // How many methods.
    uint32_t num_methods;
} tb_TypeDesc;

// The body of an error.
typedef struct tb_ErrorObj {
    struct tb_ObjectHeader header;
    // For C: the kind's bytes.
    struct tb_ByteSlice kind;
    // For C: the message's bytes.
    struct tb_ByteSlice message;
    // Null, or the error that caused this one.
    struct tb_ObjectHeader *cause;
    struct tb_ObjectHeader *context;
    struct tb_RawAny traceback;
    struct tb_RawAny kind_text;
    struct tb_RawAny message_text;
} tb_ErrorObj;

// The body every function begins with; what a closure captured lies behind it.
typedef struct tb_FunctionObj {
    struct tb_ObjectHeader header;
    tb_SafeCall safe_call;
    // Null, or for those who hold the arguments.
    // (A `LendCall`, written out for the C header.)
    int32_t (*lend_call)(void *function,
                         const struct tb_RawAny *args,
                         int32_t num_args,
                         struct tb_RawAny *result);
} tb_FunctionObj;

// The body of an array.
typedef struct tb_ArrayObj {
    struct tb_ObjectHeader header;
    struct tb_RawAny *data;
    tb_aligned_i64 size;
    tb_aligned_i64 capacity;
    void (*data_deleter)(void *data);
} tb_ArrayObj;

// The head of a carrier: what it carries, by address. Two carriers of one address are the same
// key to a map.
typedef struct tb_OpaqueObj {
    struct tb_ObjectHeader header;
    void *carried;
} tb_OpaqueObj;

// A string object: `size` bytes of UTF-8, and a NUL behind them.
typedef struct tb_StrObj {
    struct tb_ObjectHeader header;
    const uint8_t *data;
    size_t size;
} tb_StrObj;

// A bytes object: `size` bytes, and a NUL behind them.
typedef struct tb_BytesObj {
    struct tb_ObjectHeader header;
    const uint8_t *data;
    size_t size;
} tb_BytesObj;

// What the tying frontend does for the objects whose bit 63 it set; lives as long as the process.
//
// Called on any thread, attached or not, while no lock is held. Neither unwinds.
typedef struct tb_Sharing {
    // The strong count has come to 1 from above, or to 2 or more from 1, or has done so before: takes
    // over a weak reference. May run anything.
    void (*settle)(struct tb_ObjectHeader *object);
    // A weak reference, which the caller keeps, shall become strong, and only the wrapper holds the
    // object: 1 if it did. May wait for the interpreter.
    int32_t (*upgrade)(struct tb_ObjectHeader *object);
} tb_Sharing;

// Is shown what was registered of a function (`RuntimeTable::function_about`): the texts are borrowed for the
// call, empty where nothing is known.
typedef void (*tb_VisitAbout)(void *context,
                              struct tb_ByteSlice name,
                              struct tb_ByteSlice doc,
                              struct tb_ByteSlice signature);

// Everything process-wide, behind one table. Version first, size second, grown only at its end.
//
// All functions may be called on any thread, attached or not, unless it says otherwise. None
// unwinds.
typedef struct tb_RuntimeTable {
    // `ABI_MAJOR`.
    uint16_t major;
    // `ABI_MINOR`.
    uint16_t minor;
    // Bytes of this table.
    uint32_t size;
    // Backing and tying frontend.
    const struct tb_Registry *registry;
    // Bit 63 was seen, and nothing was done: adds a strong reference. (From before 1.2; copies of the
    // code add by themselves and call `count_settle`.)
    void (*count_slow_inc)(struct tb_ObjectHeader *object);
    // Bit 63 was seen, and nothing was done: gives a strong reference back, and deletes.
    void (*count_slow_dec)(struct tb_ObjectHeader *object);
    // Bit 63 was seen, and nothing was done: 1 if there is a strong reference besides the caller's weak
    // one now, 0 if the object is dead or its wrapper cannot be had any more.
    int32_t (*count_slow_upgrade)(struct tb_ObjectHeader *object);
    // Adds a strong reference (for C, which inlines no counts).
    void (*inc_ref)(struct tb_ObjectHeader *object);
    // Gives a strong reference back, and deletes.
    void (*dec_ref)(struct tb_ObjectHeader *object);
    // Adds a weak reference.
    void (*inc_weak)(struct tb_ObjectHeader *object);
    // Gives a weak reference back, and frees.
    void (*dec_weak)(struct tb_ObjectHeader *object);
    // 1 if the weak reference held by the caller became a strong one besides, 0 if dead.
    int32_t (*upgrade)(struct tb_ObjectHeader *object);
    // A strong reference to what a mutable object field holds, or null.
    struct tb_ObjectHeader *(*slot_load)(struct tb_ObjectHeader *owner,
                                         struct tb_ObjectHeader **slot);
    // Puts an owned reference (or null) into a mutable object field, returns the old one, owned.
    struct tb_ObjectHeader *(*slot_store)(struct tb_ObjectHeader *owner,
                                          struct tb_ObjectHeader **slot,
                                          struct tb_ObjectHeader *value);
    // An owned copy of a mutable `Any` field, written to `out`.
    void (*any_slot_load)(struct tb_ObjectHeader *owner,
                          struct tb_RawAny *slot,
                          struct tb_RawAny *out);
    // Exchanges a mutable `Any` field with `*value`; both are owned.
    void (*any_slot_swap)(struct tb_ObjectHeader *owner,
                          struct tb_RawAny *slot,
                          struct tb_RawAny *value);
    // The type's number, or a `register_status`.
    int32_t (*type_register)(const struct tb_TypeDesc *desc);
    // The type by number, or null. Lock-free.
    const struct tb_TypeInfo *(*type_info)(int32_t type_index);
    // The type's number by key, or -1.
    int32_t (*type_index_of_key)(struct tb_ByteSlice key);
    // Puts a function (borrowed) under a name; a `function_status`.
    int32_t (*function_register)(struct tb_ByteSlice name,
                                 struct tb_ObjectHeader *function,
                                 int32_t override_existing);
    // The function of that name, owned by the caller, or null.
    struct tb_ObjectHeader *(*function_get)(struct tb_ByteSlice name);
    // Takes the name out; 1 if it was there.
    int32_t (*function_remove)(struct tb_ByteSlice name);
    // Calls `visit` with each name, in no order. `visit` must not call back into the table.
    void (*function_names)(void *context, void (*visit)(void *context, struct tb_ByteSlice name));
    // Tells the frontend of an error that nobody can catch (a destructor's panic).
    void (*report_unraisable)(struct tb_ByteSlice message);
    // Sets who is told; returns who was. Null: nobody.
    void (*(*set_unraisable_hook)(void (*hook)(struct tb_ByteSlice message)))(struct tb_ByteSlice message);
    // A list of values, which are taken; null (and nothing is taken) if there is no memory.
    struct tb_ObjectHeader *(*list_new)(struct tb_RawAny *values, size_t num_values);
    // How many values; `version`, if not null, is what grows when one comes, goes or moves.
    size_t (*list_len)(struct tb_ObjectHeader *list, uint64_t *version);
    // An owned copy of the value at `index`; a `container_status`.
    int32_t (*list_get)(struct tb_ObjectHeader *list,
                        size_t index,
                        uint64_t version,
                        struct tb_RawAny *out);
    // Exchanges the value at `index` with `*value`; a `container_status`.
    int32_t (*list_swap)(struct tb_ObjectHeader *list, size_t index, struct tb_RawAny *value);
    // Owned copies of the values from `start` on, as many as there is room for; answers the length.
    size_t (*list_read)(struct tb_ObjectHeader *list,
                        size_t start,
                        struct tb_RawAny *out,
                        size_t room,
                        uint64_t *version);
    // Puts values, which are taken, in the place of those from `start` to `stop`; answers how many
    // went, or a `container_status` below 0.
    ptrdiff_t (*list_splice)(struct tb_ObjectHeader *list,
                             size_t start,
                             size_t stop,
                             struct tb_RawAny *values,
                             size_t num_values,
                             struct tb_RawAny *removed,
                             uint64_t version);
    // A map of pairs, which are taken; null (and nothing is taken) if there is no memory.
    struct tb_ObjectHeader *(*map_new)(struct tb_RawAny *pairs, size_t num_pairs);
    // The pairs in order, borrowed from the map.
    const struct tb_RawAny *(*map_items)(struct tb_ObjectHeader *map, size_t *num_pairs);
    // The value of a key, borrowed from the map, or null.
    const struct tb_RawAny *(*map_find)(struct tb_ObjectHeader *map, const struct tb_RawAny *key);
    // A dict of pairs, which are taken; null (and nothing is taken) if there is no memory.
    struct tb_ObjectHeader *(*dict_new)(struct tb_RawAny *pairs, size_t num_pairs);
    // How many pairs; `version`, if not null, is what grows when a key comes or goes.
    size_t (*dict_len)(struct tb_ObjectHeader *dict, uint64_t *version);
    // An owned copy of a key's value; a `container_status`.
    int32_t (*dict_get)(struct tb_ObjectHeader *dict,
                        const struct tb_RawAny *key,
                        struct tb_RawAny *out);
    // Puts a pair in, or exchanges the value of a key that is there; a `container_status`.
    int32_t (*dict_set)(struct tb_ObjectHeader *dict,
                        struct tb_RawAny *key,
                        struct tb_RawAny *value,
                        int32_t replace);
    // Takes a key's pair out; a `container_status`.
    int32_t (*dict_remove)(struct tb_ObjectHeader *dict,
                           const struct tb_RawAny *key,
                           struct tb_RawAny *pair);
    // Takes the last pair out; a `container_status`.
    int32_t (*dict_pop)(struct tb_ObjectHeader *dict, struct tb_RawAny *pair);
    // An owned copy of the pair behind the cursor, or in front of it; a `container_status`.
    int32_t (*dict_step)(struct tb_ObjectHeader *dict,
                         size_t *cursor,
                         int32_t backwards,
                         uint64_t version,
                         struct tb_RawAny *pair);
    // Owned copies of the first pairs, as many as there is room for; answers how many there are.
    size_t (*dict_read)(struct tb_ObjectHeader *dict,
                        struct tb_RawAny *pairs,
                        size_t room,
                        uint64_t *version);
    // Drops all pairs.
    void (*dict_clear)(struct tb_ObjectHeader *dict);
    // An increment, which is done, found bit 63 and strong 1: only the wrapper held the object. Sees to
    // it that the object owns its wrapper now; counts nothing.
    void (*count_settle)(struct tb_ObjectHeader *object);
    // For the tying frontend, once: who is told about objects with bit 63 set.
    void (*set_sharing)(const struct tb_Sharing *sharing);
    // Shows each value (and key) of a List or Dict to `visit`, borrowed, under the container's lock; 0, and
    // nothing, if somebody has that.
    int32_t (*container_visit)(struct tb_ObjectHeader *container,
                               void *context,
                               void (*visit)(void *context, const struct tb_RawAny *value));
    // `function_register` with what is to be known of the function: its
    // documentation, and its parameters as `(price, count, /)`. Both are copied; empty: not known.
    int32_t (*function_register_documented)(struct tb_ByteSlice name,
                                            struct tb_ObjectHeader *function,
                                            int32_t override_existing,
                                            struct tb_ByteSlice doc,
                                            struct tb_ByteSlice signature);
    // Shows what was registered of a function to `visit`, once: of several names one with documentation
    // first. 1; or 0, and nothing, if it has no name. `visit` must not call back into the table.
    int32_t (*function_about)(struct tb_ObjectHeader *function, void *context, tb_VisitAbout visit);
} tb_RuntimeTable;

// What a library tells its loader about the handshake.
typedef struct tb_LibraryReply {
    // Bytes of this struct, filled in by the loader.
    uint32_t size;
    // The library's `ABI_MAJOR`.
    uint16_t major;
    // The library's `ABI_MINOR`.
    uint16_t minor;
    // `RawAny::NONE`, or an owned `Error` with `library_status::FAILED`.
    struct tb_RawAny error;
} tb_LibraryReply;

// The one symbol a library exports, under the name `tieback_library_init`.
typedef int32_t (*tb_LibraryInit)(const struct tb_RuntimeTable *table, struct tb_LibraryReply *reply);

/* ==== What C needs besides the structs: inline code over the table. C11 and C++17. ==== */

/* In front of a body whose flags have TB_FLAG_HEADED, and of no other: ends where the body begins. */
typedef struct tb_AllocHeader {
#if defined(TB_32_BIT)
    uint32_t pad;
#endif
    /* Returns the whole block; called once, with the body. */
    tb_DeleteSpace delete_space;
} tb_AllocHeader;

/* In front of a body that the tying frontend allocated. The word is that frontend's alone. */
typedef struct tb_TiedHeader {
    size_t word;
#if defined(TB_32_BIT)
    uint32_t pad;
#endif
    tb_AllocHeader base;
} tb_TiedHeader;

/* Atomics: C and C++ have no common header for them. TB_LOAD is an acquire load of a pointer. TB_READ,
   TB_WRITE and TB_ADD (the new value) are relaxed: what a field that is a number and can change is read
   and written by. TB_TAKE makes 1 of a 0, and answers whether it was this call that did. */
#if defined(_MSC_VER)
#include <intrin.h>
#define TB_LOAD(place) (*(void *volatile const *)(place))
#define TB_READ(place) (*(volatile int64_t const *)(place))
#define TB_WRITE(place, value) ((void)(*(volatile int64_t *)(place) = (value)))
#define TB_ADD(place, value) (_InterlockedExchangeAdd64((place), (value)) + (value))
#define TB_TAKE(place) (_InterlockedCompareExchange((volatile long *)(place), 1, 0) == 0)
#define TB_STATE(place) (*(volatile long *)(place))
#define TB_PUBLISH(place, value) ((void)_InterlockedExchange((volatile long *)(place), (value)))
#define TB_THREAD __declspec(thread)
#else
#define TB_LOAD(place) __atomic_load_n((place), __ATOMIC_ACQUIRE)
#define TB_READ(place) __atomic_load_n((place), __ATOMIC_RELAXED)
#define TB_WRITE(place, value) __atomic_store_n((place), (value), __ATOMIC_RELAXED)
#define TB_ADD(place, value) __atomic_add_fetch((place), (value), __ATOMIC_RELAXED)
#define TB_TAKE(place) __sync_bool_compare_and_swap((place), 0, 1)
#define TB_STATE(place) __atomic_load_n((place), __ATOMIC_ACQUIRE)
#define TB_PUBLISH(place, value) __atomic_store_n((place), (value), __ATOMIC_RELEASE)
#define TB_THREAD __thread
#endif

/* ---- Text ---- */

/* A slice of a string literal, as an initialiser. */
#define TB_SLICE(literal) {(const uint8_t *)(literal), sizeof(literal) - 1}

/* A slice of a C string, which is borrowed. */
static inline tb_ByteSlice tb_text(const char *text) {
    tb_ByteSlice slice;
    slice.data = (const uint8_t *)text;
    slice.len = 0;
    while (text[slice.len] != 0) slice.len++;
    return slice;
}

static inline int tb_same(tb_ByteSlice a, tb_ByteSlice b) {
    size_t at;
    if (a.len != b.len) return 0;
    for (at = 0; at < a.len; at++)
        if (a.data[at] != b.data[at]) return 0;
    return 1;
}

/* ---- Values: making those that are no objects ---- */

static inline tb_RawAny tb_value(int32_t type_index) {
    tb_RawAny value;
    value.type_index = type_index;
    value.small_len = 0;
    value.value.i64 = 0;
    return value;
}

static inline tb_RawAny tb_none(void) { return tb_value(TB_TYPE_NONE); }

static inline tb_RawAny tb_int(int64_t number) {
    tb_RawAny value = tb_value(TB_TYPE_INT);
    value.value.i64 = number;
    return value;
}

static inline tb_RawAny tb_bool(int truth) {
    tb_RawAny value = tb_value(TB_TYPE_BOOL);
    value.value.i64 = truth != 0;
    return value;
}

static inline tb_RawAny tb_float(double number) {
    tb_RawAny value = tb_value(TB_TYPE_FLOAT);
    value.value.f64 = number;
    return value;
}

/* An object's value: it owns a reference if `object` came with one. NULL is None. */
static inline tb_RawAny tb_object(tb_ObjectHeader *object) {
    tb_RawAny value = tb_value(object == NULL ? TB_TYPE_NONE : object->type_index);
    value.value.object = object;
    return value;
}

/* For arguments only: a C string that is borrowed. */
static inline tb_RawAny tb_raw_text(const char *text) {
    tb_RawAny value = tb_value(TB_TYPE_RAW_STR);
    value.value.pointer = (void *)(uintptr_t)text;
    return value;
}

/* ---- Values: reading. Each answers 1 and fills `out`, or 0. What comes out is borrowed. ---- */

/* The object of a value, or NULL. */
static inline tb_ObjectHeader *tb_object_of(const tb_RawAny *value) {
    if (value->type_index >= TB_TYPE_STATIC_OBJECT_BEGIN) return value->value.object;
    if (value->type_index == TB_TYPE_RVALUE_REF)
        return (tb_ObjectHeader *)TB_LOAD((tb_ObjectHeader **)value->value.pointer);
    return NULL;
}

static inline int tb_get_int(const tb_RawAny *value, int64_t *out) {
    if (value->type_index != TB_TYPE_INT && value->type_index != TB_TYPE_BOOL) return 0;
    *out = value->value.i64;
    return 1;
}

static inline int tb_get_bool(const tb_RawAny *value, int *out) {
    if (value->type_index != TB_TYPE_BOOL) return 0;
    *out = value->value.i64 != 0;
    return 1;
}

static inline int tb_get_float(const tb_RawAny *value, double *out) {
    int64_t number;
    if (value->type_index == TB_TYPE_FLOAT) {
        *out = value->value.f64;
        return 1;
    }
    if (!tb_get_int(value, &number)) return 0;
    *out = (double)number;
    return 1;
}

/* The bytes of a small value lie in it: they are borrowed from `*value` itself. */
static inline int tb_small(const tb_RawAny *value, tb_ByteSlice *out) {
    out->data = value->value.bytes;
    out->len = value->small_len;
    return value->small_len <= 7;
}

/* UTF-8, with no promise of a NUL. */
static inline int tb_get_text(const tb_RawAny *value, tb_ByteSlice *out) {
    switch (value->type_index) {
    case TB_TYPE_SMALL_STR: return tb_small(value, out);
    case TB_TYPE_STR:
        out->data = ((const tb_StrObj *)value->value.object)->data;
        out->len = ((const tb_StrObj *)value->value.object)->size;
        return 1;
    case TB_TYPE_RAW_STR: *out = tb_text((const char *)value->value.pointer); return 1;
    default: return 0;
    }
}

static inline int tb_get_bytes(const tb_RawAny *value, tb_ByteSlice *out) {
    switch (value->type_index) {
    case TB_TYPE_SMALL_BYTES: return tb_small(value, out);
    case TB_TYPE_BYTES:
        out->data = ((const tb_BytesObj *)value->value.object)->data;
        out->len = ((const tb_BytesObj *)value->value.object)->size;
        return 1;
    case TB_TYPE_BYTE_SLICE_PTR: *out = *(const tb_ByteSlice *)value->value.pointer; return 1;
    default: return 0;
    }
}

/* Whether objects of type `type_index` are also of type `ancestor`. */
static inline int tb_is_instance(const tb_RuntimeTable *tb, int32_t type_index, int32_t ancestor) {
    const tb_TypeInfo *info, *above;
    if (type_index == ancestor) return 1;
    if (ancestor == TB_TYPE_OBJECT) return type_index >= TB_TYPE_STATIC_OBJECT_BEGIN;
    info = tb->type_info(type_index);
    above = tb->type_info(ancestor);
    return info != NULL && above != NULL && info->depth > above->depth &&
           info->ancestors[above->depth] == above;
}

/* An object of type `type_index` or one below it. */
static inline int tb_get_object(const tb_RuntimeTable *tb, const tb_RawAny *value,
                                int32_t type_index, tb_ObjectHeader **out) {
    tb_ObjectHeader *object = tb_object_of(value);
    if (object == NULL || !tb_is_instance(tb, object->type_index, type_index)) return 0;
    *out = object;
    return 1;
}

/* What a message calls a value's type. */
static inline tb_ByteSlice tb_type_name(const tb_RuntimeTable *tb, const tb_RawAny *value) {
    tb_ObjectHeader *object = tb_object_of(value);
    const tb_TypeInfo *info = object == NULL ? NULL : tb->type_info(object->type_index);
    if (info != NULL) return info->key;
    switch (value->type_index) {
    case TB_TYPE_NONE:
    case TB_TYPE_RVALUE_REF: return tb_text("None");
    case TB_TYPE_INT: return tb_text("int");
    case TB_TYPE_BOOL: return tb_text("bool");
    case TB_TYPE_FLOAT: return tb_text("float");
    case TB_TYPE_OPAQUE_PTR: return tb_text("pointer");
    case TB_TYPE_RAW_STR:
    case TB_TYPE_SMALL_STR: return tb_text("str");
    case TB_TYPE_BYTE_SLICE_PTR:
    case TB_TYPE_SMALL_BYTES: return tb_text("bytes");
    default: return tb_text("an unknown type");
    }
}

/* ---- Owning ---- */

/* Adds a reference to a value that holds an object. */
static inline void tb_keep(const tb_RuntimeTable *tb, const tb_RawAny *value) {
    if (value->type_index >= TB_TYPE_STATIC_OBJECT_BEGIN) tb->inc_ref(value->value.object);
}

/* Gives the reference of an owned value back; the value is None afterwards. */
static inline void tb_drop(const tb_RuntimeTable *tb, tb_RawAny *value) {
    tb_RawAny old = *value;
    *value = tb_none();
    if (old.type_index >= TB_TYPE_STATIC_OBJECT_BEGIN) tb->dec_ref(old.value.object);
}

/* ---- Making objects ---- */

/* Memory for a body, behind its header; NULL when there is none. Fill it in, then `tb_place` it, or
   give it back with `tb_free`. */
static inline void *tb_allocate(const tb_RuntimeTable *tb, size_t size, size_t align,
                                int32_t type_index) {
    tb_Registry *registry = (tb_Registry *)(uintptr_t)tb->registry;
    const tb_AllocatorEntry *entry = (const tb_AllocatorEntry *)TB_LOAD(&registry->frontend);
    if (entry == NULL) entry = (const tb_AllocatorEntry *)TB_LOAD(&registry->backing);
    return entry->allocate(size, align, type_index, entry->context);
}

/* Returns the memory of a body: what a deleter does on TB_DELETE_SPACE. */
static inline void tb_free(void *body) { ((tb_AllocHeader *)body)[-1].delete_space(body); }

/* The last step: from here on the body is an object, with one reference, the caller's. `flags` is 0, or
   TB_FLAG_LEAF if dropping it drops no other object. */
static inline tb_ObjectHeader *tb_place(void *body, int32_t type_index, uint32_t flags,
                                        tb_Deleter deleter) {
    tb_ObjectHeader *object = (tb_ObjectHeader *)body;
    object->counts = ((uint64_t)1 << 32) | 1;
    object->type_index = type_index;
    object->flags = TB_FLAG_HEADED | flags;
    object->deleter = deleter;
    return object;
}

/* The deleter of objects that own nothing. */
static inline void tb_delete_plain(void *object, int32_t bits) {
    if (bits & TB_DELETE_SPACE) tb_free(object);
}

/* Strings and bytes: in the value up to 7 bytes, else in an object with the bytes behind it. */
static inline int tb_make_run(const tb_RuntimeTable *tb, tb_ByteSlice from, int32_t small,
                              int32_t large, tb_RawAny *out) {
    size_t at;
    uint8_t *to;
    tb_StrObj *body;
    if (from.len <= 7) {
        *out = tb_value(small);
        out->small_len = (uint32_t)from.len;
        for (at = 0; at < from.len; at++) out->value.bytes[at] = from.data[at];
        return 1;
    }
    *out = tb_none();
    if (from.len >= SIZE_MAX / 2) return 0;
    body = (tb_StrObj *)tb_allocate(tb, sizeof(tb_StrObj) + from.len + 1, 8, large);
    if (body == NULL) return 0;
    to = (uint8_t *)(body + 1);
    for (at = 0; at < from.len; at++) to[at] = from.data[at];
    to[from.len] = 0;
    body->data = to;
    body->size = from.len;
    *out = tb_object(tb_place(body, large, TB_FLAG_LEAF | TB_FLAG_ITEMS, tb_delete_plain));
    return 1;
}

/* An owned string of UTF-8 that is copied; 0 if there is no memory. */
static inline int tb_make_text(const tb_RuntimeTable *tb, tb_ByteSlice text, tb_RawAny *out) {
    return tb_make_run(tb, text, TB_TYPE_SMALL_STR, TB_TYPE_STR, out);
}

/* Owned bytes that are copied; 0 if there is no memory. */
static inline int tb_make_bytes(const tb_RuntimeTable *tb, tb_ByteSlice bytes, tb_RawAny *out) {
    return tb_make_run(tb, bytes, TB_TYPE_SMALL_BYTES, TB_TYPE_BYTES, out);
}

/* An owned copy of a borrowed value: what a callee does with an argument that it keeps. 0 if there is no
   memory. A moved argument is shared, not taken. */
static inline int tb_own(const tb_RuntimeTable *tb, const tb_RawAny *value, tb_RawAny *out) {
    tb_ByteSlice bytes;
    if (value->type_index == TB_TYPE_RAW_STR && tb_get_text(value, &bytes))
        return tb_make_text(tb, bytes, out);
    if (value->type_index == TB_TYPE_BYTE_SLICE_PTR && tb_get_bytes(value, &bytes))
        return tb_make_bytes(tb, bytes, out);
    *out = value->type_index == TB_TYPE_RVALUE_REF ? tb_object(tb_object_of(value)) : *value;
    tb_keep(tb, out);
    return 1;
}

static inline void tb_delete_array(void *object, int32_t bits);

/* An owned array of `len` owned values, which are taken; NULL if there is no memory, and then they
   stay the caller's. */
static inline tb_ObjectHeader *tb_make_array(const tb_RuntimeTable *tb, const tb_RawAny *values,
                                             size_t len) {
    /* The values lie behind a word of ours, which the deleter drops them with. */
    struct tb_OwnArray {
        tb_ArrayObj base;
        const tb_RuntimeTable *tb;
        tb_aligned_u64 unused;
    } *body;
    size_t at;
    tb_RawAny *to;
    if (len > (SIZE_MAX / 2 - sizeof *body) / sizeof *values) return NULL;
    body = (struct tb_OwnArray *)tb_allocate(tb, sizeof *body + len * sizeof *values, 8,
                                             TB_TYPE_ARRAY);
    if (body == NULL) return NULL;
    to = (tb_RawAny *)(body + 1);
    for (at = 0; at < len; at++) to[at] = values[at];
    body->base.data = to;
    body->base.size = body->base.capacity = (int64_t)len;
    body->base.data_deleter = NULL;
    body->tb = tb;
    return tb_place(body, TB_TYPE_ARRAY, TB_FLAG_ITEMS, tb_delete_array);
}

static inline void tb_delete_array(void *object, int32_t bits) {
    tb_ArrayObj *array = (tb_ArrayObj *)object;
    const tb_RuntimeTable *tb = *(const tb_RuntimeTable *const *)(const void *)(array + 1);
    int64_t at;
    if (bits & TB_DELETE_BODY)
        for (at = 0; at < array->size; at++) tb_drop(tb, &array->data[at]);
    if (bits & TB_DELETE_SPACE) tb_free(object);
}

/* ---- Errors ---- */

typedef struct tb_OwnError {
    tb_ErrorObj base;
    const tb_RuntimeTable *tb;
} tb_OwnError;

static inline void tb_delete_error(void *object, int32_t bits) {
    tb_OwnError *error = (tb_OwnError *)object;
    if (bits & TB_DELETE_BODY) {
        error->tb->dec_ref(error->base.cause);
        error->tb->dec_ref(error->base.context);
        tb_drop(error->tb, &error->base.traceback);
        tb_drop(error->tb, &error->base.kind_text);
        tb_drop(error->tb, &error->base.message_text);
    }
    if (bits & TB_DELETE_SPACE) tb_free(object);
}

/* The error for which there is always memory: it is never freed. */
static inline tb_ObjectHeader *tb_no_memory(const tb_RuntimeTable *tb) {
    static tb_ErrorObj error = {
        /* Strong 2^30, weak 1; no header in front. */
        {((uint64_t)1 << 32) | ((uint64_t)1 << 30), TB_TYPE_ERROR, TB_FLAG_LEAF, NULL},
        TB_SLICE("MemoryError"),
        TB_SLICE("no memory for a native object"),
        NULL, NULL,
        {TB_TYPE_NONE, 0, {0}}, {TB_TYPE_NONE, 0, {0}}, {TB_TYPE_NONE, 0, {0}},
    };
    tb->inc_ref(&error.header);
    return &error.header;
}

/* An owned error: `kind` names the exception's type. `cause` is an owned error, which is taken, or
   NULL. Never NULL: without memory it is the MemoryError. */
static inline tb_ObjectHeader *tb_make_error(const tb_RuntimeTable *tb, tb_ByteSlice kind,
                                             tb_ByteSlice message, tb_ObjectHeader *cause) {
    tb_RawAny kind_text, message_text = tb_none();
    tb_OwnError *body = NULL;
    if (tb_make_text(tb, kind, &kind_text) && tb_make_text(tb, message, &message_text))
        body = (tb_OwnError *)tb_allocate(tb, sizeof *body, 8, TB_TYPE_ERROR);
    if (body == NULL) {
        tb_drop(tb, &kind_text);
        tb_drop(tb, &message_text);
        tb->dec_ref(cause);
        return tb_no_memory(tb);
    }
    body->base.cause = cause;
    body->base.context = NULL;
    body->base.traceback = tb_none();
    body->base.kind_text = kind_text;
    body->base.message_text = message_text;
    body->tb = tb;
    /* A short text lies in the error itself. */
    (void)tb_get_text(&body->base.kind_text, &body->base.kind);
    (void)tb_get_text(&body->base.message_text, &body->base.message);
    return tb_place(body, TB_TYPE_ERROR, 0, tb_delete_error);
}

/* How a function fails: `return tb_fail(tb, result, "ValueError", "...");`. */
static inline int32_t tb_fail(const tb_RuntimeTable *tb, tb_RawAny *result, const char *kind,
                              const char *message) {
    *result = tb_object(tb_make_error(tb, tb_text(kind), tb_text(message), NULL));
    return 1;
}

/* How a function fails that finds no memory. */
static inline int32_t tb_fail_memory(const tb_RuntimeTable *tb, tb_RawAny *result) {
    *result = tb_object(tb_no_memory(tb));
    return 1;
}

/* As `tb_fail`, of `count` parts, one behind the other; cut at 480 bytes. */
static inline int32_t tb_fail_parts(const tb_RuntimeTable *tb, tb_RawAny *result, const char *kind,
                                    const tb_ByteSlice *parts, size_t count) {
    uint8_t text[480];
    tb_ByteSlice message;
    size_t at, byte, len = 0;
    for (at = 0; at < count; at++)
        for (byte = 0; byte < parts[at].len && len < sizeof text; byte++)
            text[len++] = parts[at].data[byte];
    /* Not in the middle of a character. */
    while (len == sizeof text && (text[len - 1] & 0xC0) == 0x80) len--;
    message.data = text;
    message.len = len;
    *result = tb_object(tb_make_error(tb, tb_text(kind), message, NULL));
    return 1;
}

/* ---- Functions ---- */

typedef struct tb_Closure {
    tb_FunctionObj base;
    void *context;
    void (*drop)(void *context);
} tb_Closure;

static inline void tb_delete_closure(void *object, int32_t bits) {
    tb_Closure *closure = (tb_Closure *)object;
    if ((bits & TB_DELETE_BODY) && closure->drop != NULL) closure->drop(closure->context);
    if (bits & TB_DELETE_SPACE) tb_free(object);
}

/* An owned function. `context` is the function's from here on: `drop` (or nobody, if it is NULL) frees
   it, on any thread. NULL if there is no memory, and then the context stays the caller's. */
static inline tb_ObjectHeader *tb_make_function(const tb_RuntimeTable *tb, tb_SafeCall call,
                                                void *context, void (*drop)(void *context)) {
    tb_Closure *body = (tb_Closure *)tb_allocate(tb, sizeof *body, 8, TB_TYPE_FUNCTION);
    if (body == NULL) return NULL;
    body->base.safe_call = call;
    body->base.lend_call = NULL;
    body->context = context;
    body->drop = drop;
    return tb_place(body, TB_TYPE_FUNCTION, 0, tb_delete_closure);
}

/* The context, in the call of a function that `tb_make_function` made. */
static inline void *tb_context(void *function) { return ((tb_Closure *)function)->context; }

/* Calls a function, of any language. 0 and an owned result, or 1 and an owned Error in `*result`, whatever
   the function did. What was in `*result` is not dropped. */
static inline int32_t tb_call(const tb_RuntimeTable *tb, tb_ObjectHeader *function,
                              const tb_RawAny *args, int32_t num_args, tb_RawAny *result) {
    int32_t status;
    *result = tb_none();
    status = ((tb_FunctionObj *)function)->safe_call(function, args, num_args, result);
    if (status == 0) return 0;
    if (result->type_index != TB_TYPE_ERROR || result->value.object == NULL) {
        tb_drop(tb, result);
        return tb_fail(tb, result, "RuntimeError", "a function failed without an error object");
    }
    return 1;
}

/* ---- Arguments: each answers 1, or 0 with a TypeError in `*result`; `callee` is as in "shop.add()". ---- */

/* The digits of a small number, in `digits`. */
static inline tb_ByteSlice tb_digits(uint8_t digits[12], int32_t number) {
    tb_ByteSlice slice;
    uint32_t rest = number < 0 ? 0 : (uint32_t)number;
    size_t at = 12;
    do {
        digits[--at] = (uint8_t)('0' + rest % 10);
        rest /= 10;
    } while (rest != 0);
    slice.data = digits + at;
    slice.len = 12 - at;
    return slice;
}

static inline int tb_arg_count(const tb_RuntimeTable *tb, const char *callee, int32_t takes,
                               int32_t got, tb_RawAny *result) {
    uint8_t takes_digits[12], got_digits[12];
    tb_ByteSlice parts[5];
    if (takes == got) return 1;
    parts[0] = tb_text(callee);
    parts[1] = tb_text(takes == 0 ? " takes no" : " takes ");
    parts[2] = takes == 0 ? tb_text("") : tb_digits(takes_digits, takes);
    parts[3] = tb_text(takes == 1 ? " argument, got " : " arguments, got ");
    parts[4] = tb_digits(got_digits, got);
    (void)tb_fail_parts(tb, result, "TypeError", parts, 5);
    return 0;
}

static inline int tb_arg_wrong(const tb_RuntimeTable *tb, const char *callee, const tb_RawAny *args,
                               int32_t at, tb_ByteSlice expected, tb_RawAny *result) {
    uint8_t digits[12];
    tb_ByteSlice parts[7];
    parts[0] = tb_text(callee);
    parts[1] = tb_text(" argument ");
    parts[2] = tb_digits(digits, at + 1);
    parts[3] = tb_text(": expected ");
    parts[4] = expected;
    parts[5] = tb_text(", got ");
    parts[6] = tb_type_name(tb, &args[at]);
    (void)tb_fail_parts(tb, result, "TypeError", parts, 7);
    return 0;
}

static inline int tb_arg_int(const tb_RuntimeTable *tb, const char *callee, const tb_RawAny *args,
                             int32_t at, int64_t *out, tb_RawAny *result) {
    *out = 0;
    return tb_get_int(&args[at], out) ||
           tb_arg_wrong(tb, callee, args, at, tb_text("int"), result);
}

static inline int tb_arg_float(const tb_RuntimeTable *tb, const char *callee, const tb_RawAny *args,
                               int32_t at, double *out, tb_RawAny *result) {
    *out = 0;
    return tb_get_float(&args[at], out) ||
           tb_arg_wrong(tb, callee, args, at, tb_text("float"), result);
}

static inline int tb_arg_text(const tb_RuntimeTable *tb, const char *callee, const tb_RawAny *args,
                              int32_t at, tb_ByteSlice *out, tb_RawAny *result) {
    *out = tb_text("");
    return tb_get_text(&args[at], out) ||
           tb_arg_wrong(tb, callee, args, at, tb_text("str"), result);
}

static inline int tb_arg_object(const tb_RuntimeTable *tb, const char *callee, const tb_RawAny *args,
                                int32_t at, int32_t type_index, tb_ObjectHeader **out,
                                tb_RawAny *result) {
    const tb_TypeInfo *info;
    *out = NULL;
    if (tb_get_object(tb, &args[at], type_index, out)) return 1;
    info = tb->type_info(type_index);
    return tb_arg_wrong(tb, callee, args, at,
                        info != NULL ? info->key : tb_text("a type that is not registered"), result);
}

/* ---- Registering, and the handshake ---- */

/* A function, and what frontends show of it: the parameters as "(price, count, /)", and documentation.
   Each of the two may be NULL. */
typedef struct tb_Export {
    const char *name;
    tb_SafeCall call;
    const char *signature;
    const char *doc;
} tb_Export;

/* Registers a type: its number, or -1 with an owned error in `*error`. Registering it again is fine. */
static inline int32_t tb_register_type(const tb_RuntimeTable *tb, const tb_TypeDesc *desc,
                                       tb_RawAny *error) {
    int32_t status = tb->type_register(desc);
    tb_ByteSlice parts[4];
    if (status >= 0) return status;
    parts[0] = tb_text("type '");
    parts[1] = desc->key;
    parts[2] = tb_text("' was refused: ");
    switch (status) {
    case TB_REGISTER_CONFLICT:
        parts[3] = tb_text("its key is registered with another layout; use another key");
        break;
    case TB_REGISTER_UNKNOWN_PARENT:
        parts[3] = tb_text("its parent is not registered; register it first");
        break;
    case TB_REGISTER_OUT_OF_MEMORY: parts[3] = tb_text("no memory"); break;
    case TB_REGISTER_TOO_MANY: parts[3] = tb_text("the type table is full"); break;
    default: parts[3] = tb_text("a name, offset, size or field type in it cannot be"); break;
    }
    *error = tb_none();
    (void)tb_fail_parts(tb, error, status == TB_REGISTER_OUT_OF_MEMORY ? "MemoryError" : "ValueError",
                        parts, 4);
    return -1;
}

/* Registers one function, borrowed; a host from before 1.3 knows no documentation. */
static inline int32_t tb_register_function(const tb_RuntimeTable *tb, const tb_Export *exported,
                                           tb_ObjectHeader *function) {
    tb_ByteSlice name = tb_text(exported->name);
    if (function == NULL) return TB_FUNCTION_OUT_OF_MEMORY;
    if (tb->minor < 3) return tb->function_register(name, function, 0);
    return tb->function_register_documented(
        name, function, 0, tb_text(exported->doc != NULL ? exported->doc : ""),
        tb_text(exported->signature != NULL ? exported->signature : ""));
}

/* Registers all the functions, or none: 0, or 1 with an owned error in `*error`. */
static inline int32_t tb_register_functions(const tb_RuntimeTable *tb, const tb_Export *exports,
                                            size_t count, tb_RawAny *error) {
    size_t at, back;
    for (at = 0; at < count; at++) {
        tb_ObjectHeader *function = tb_make_function(tb, exports[at].call, NULL, NULL);
        int32_t status = tb_register_function(tb, &exports[at], function);
        tb_ByteSlice parts[3];
        tb->dec_ref(function);
        if (status == TB_FUNCTION_OK) continue;
        for (back = 0; back < at; back++) (void)tb->function_remove(tb_text(exports[back].name));
        if (status == TB_FUNCTION_OUT_OF_MEMORY) return tb_fail_memory(tb, error);
        parts[0] = tb_text("global function '");
        parts[1] = tb_text(exports[at].name);
        parts[2] = tb_text("' is already registered; nothing of this library was");
        return tb_fail_parts(tb, error, "ValueError", parts, 3);
    }
    return 0;
}

/* The oldest host that a library wants to load into; define it before the include to ask for less than
   this header's, and then use no younger entry of the table. */
#ifndef TB_LIBRARY_MINOR
#define TB_LIBRARY_MINOR TB_ABI_MINOR
#endif

/* Bytes of the table that version 1.`minor` promises. */
static inline uint32_t tb_table_size(int minor) {
    switch (minor) {
    case 0: return (uint32_t)(offsetof(tb_RuntimeTable, set_unraisable_hook) + sizeof(void *));
    case 1: return (uint32_t)(offsetof(tb_RuntimeTable, dict_clear) + sizeof(void *));
    case 2: return (uint32_t)(offsetof(tb_RuntimeTable, container_visit) + sizeof(void *));
    default: return (uint32_t)sizeof(tb_RuntimeTable);
    }
}

/* The library's side of the handshake, but for registering. */
static inline int32_t tb_handshake(const tb_RuntimeTable *table, tb_LibraryReply *reply) {
    if (table == NULL || reply == NULL || reply->size < 8) return TB_LIBRARY_REFUSED;
    reply->major = TB_ABI_MAJOR;
    reply->minor = TB_LIBRARY_MINOR;
    /* The comparison through a variable, since a minor of 0 cannot be undercut. */
    {
        int minor = TB_LIBRARY_MINOR;
        if (reply->size < sizeof *reply || table->major != TB_ABI_MAJOR || table->minor < minor ||
            table->size < tb_table_size(minor))
            return TB_LIBRARY_REFUSED;
    }
    return TB_LIBRARY_OK;
}

#if defined(_WIN32)
#define TB_EXPORT __declspec(dllexport)
#else
#define TB_EXPORT __attribute__((visibility("default")))
#endif
#ifdef __cplusplus
#define TB_EXTERN_C extern "C"
#else
#define TB_EXTERN_C extern
#endif

/* How far a library is: not loaded (or it failed), at it, loaded. */
typedef struct tb_Loading {
    long state;
} tb_Loading;

/* The handshake. `inside` is the thread's own: a library that loads itself would wait for ever. */
static inline int32_t tb_load(const tb_RuntimeTable *table, tb_LibraryReply *reply,
                              tb_Loading *loading, int *inside,
                              int32_t (*load)(const tb_RuntimeTable *tb, tb_RawAny *error)) {
    int32_t status = tb_handshake(table, reply);
    if (status != TB_LIBRARY_OK) return status;
    if (*inside) {
        (void)tb_fail(table, &reply->error, "ImportError",
                      "the library loads itself while it registers");
        return TB_LIBRARY_FAILED;
    }
    /* Another thread is at it: it will be done in a moment. */
    while (!TB_TAKE(&loading->state))
        if (TB_STATE(&loading->state) == 2) return TB_LIBRARY_OK;
    *inside = 1;
    status = load(table, &reply->error);
    *inside = 0;
    TB_PUBLISH(&loading->state, status == 0 ? 2 : 0);
    return status == 0 ? TB_LIBRARY_OK : TB_LIBRARY_FAILED;
}

/* Exports the library, once in one of its files. `load(tb, error)` gets the process's one table, which it
   may keep, finds all it needs, then registers, and answers 0; or answers 1 with an owned error in
   `*error`, having registered no function. It is called until it succeeded once, and by one thread. */
#define TB_EXPORT_LIBRARY(load)                                                                    \
    TB_EXTERN_C TB_EXPORT int32_t tieback_library_init(const tb_RuntimeTable *table,               \
                                                       tb_LibraryReply *reply);                    \
    TB_EXTERN_C TB_EXPORT int32_t tieback_library_init(const tb_RuntimeTable *table,               \
                                                       tb_LibraryReply *reply) {                   \
        static tb_Loading loading;                                                                 \
        static TB_THREAD int inside;                                                               \
        return tb_load(table, reply, &loading, &inside, load);                                     \
    }


#endif  /* TIEBACK_H */
