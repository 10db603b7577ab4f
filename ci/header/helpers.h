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
