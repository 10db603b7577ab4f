/* A library that lies: which lie is a macro. MODE 0 loads, and its functions return what is no value. */
#include <tieback.h>

#ifndef MODE
#define MODE 0
#endif
enum { HONEST, MAJOR, STATUS, GARBAGE_ERROR, NO_ERROR, ITSELF, HALF, FIELD_OUTSIDE, NO_SIZE, NO_FIELDS };

/* The lies, by number. */
static tb_RawAny lie(int64_t which) {
    tb_RawAny value = tb_value(TB_TYPE_NONE);
    value.value.pointer = (void *)(uintptr_t)16; /* nothing is there: whoever looks dies */
    switch (which) {
    case 0: value.type_index = 250000; break;              /* no library has registered it */
    case 1: value.type_index = 70; break;                  /* not used by any version */
    case 2: value.type_index = -7; break;
    case 3: value = tb_value(TB_TYPE_OBJECT); break;       /* an object at NULL */
    case 4: value.type_index = 50; break;                  /* no object, and no value either */
    case 5: value = tb_value(TB_TYPE_SMALL_STR); value.small_len = 200; break;
    case 6: value = tb_value(TB_TYPE_SMALL_BYTES); value.small_len = 8; break;
    case 7: value = tb_value(TB_TYPE_STR); break;
    default: break;
    }
    return value;
}

static int32_t give(void *self, const tb_RawAny *args, int32_t n, tb_RawAny *result) {
    (void)self;
    (void)n;
    *result = lie(args[0].value.i64);
    return 0;
}

/* Says that it failed, and gives a lie for an error. */
static int32_t fail(void *self, const tb_RawAny *args, int32_t n, tb_RawAny *result) {
    (void)self;
    (void)n;
    *result = lie(args[0].value.i64);
    return 1;
}

static int32_t int_for_error(void *self, const tb_RawAny *args, int32_t n, tb_RawAny *result) {
    (void)self;
    (void)args;
    (void)n;
    *result = tb_int(3);
    return -9;
}

/* Borrowed values are for arguments. */
static int32_t borrowed(void *self, const tb_RawAny *args, int32_t n, tb_RawAny *result) {
    (void)self;
    (void)args;
    (void)n;
    *result = tb_raw_text("of this frame");
    return 0;
}

/* Lends a lie. */
static int64_t chosen;
static int32_t choose(void *self, const tb_RawAny *args, int32_t n, tb_RawAny *result) {
    (void)self;
    (void)n;
    (void)result;
    chosen = args[0].value.i64;
    return 0;
}
static int32_t lend(void *self, const tb_RawAny *args, int32_t n, tb_RawAny *result) {
    (void)self;
    (void)args;
    (void)n;
    *result = lie(chosen);
    return TB_CALL_BORROWED;
}

/* The same lie for those who want to own it. */
static int32_t lie_counted(void *self, const tb_RawAny *args, int32_t n, tb_RawAny *result) {
    (void)self;
    (void)args;
    (void)n;
    *result = lie(chosen);
    return TB_CALL_OK;
}

/* An object, said to be of another type. */
static const tb_RuntimeTable *table;
tb_ObjectHeader *mislabelled;
static int32_t mislabel(void *self, const tb_RawAny *args, int32_t n, tb_RawAny *result) {
    (void)self;
    (void)args;
    (void)n;
    if (!tb_make_text(table, tb_text("a long text, which is an object"), result)) return 1;
    mislabelled = result->value.object; /* the caller does not touch it: it stays ours */
    result->type_index = TB_TYPE_FUNCTION;
    return 0;
}

/* No lies: which of its arguments is named, the first field of its argument, an object or a value: what the
   arguments keep alive. */
static int32_t pick(void *self, const tb_RawAny *args, int32_t n, tb_RawAny *result) {
    (void)self;
    *result = args[args[0].value.i64 % n];
    return result->type_index < TB_TYPE_STATIC_OBJECT_BEGIN ? TB_CALL_OK : TB_CALL_BORROWED;
}
static int32_t first_object(void *self, const tb_RawAny *args, int32_t n, tb_RawAny *result) {
    (void)self;
    (void)n;
    *result = tb_object(*(tb_ObjectHeader **)((char *)args[0].value.object + 24));
    return TB_CALL_BORROWED;
}
static int32_t first_value(void *self, const tb_RawAny *args, int32_t n, tb_RawAny *result) {
    (void)self;
    (void)n;
    *result = *(tb_RawAny *)((char *)args[0].value.object + 24);
    return result->type_index < TB_TYPE_STATIC_OBJECT_BEGIN ? TB_CALL_OK : TB_CALL_BORROWED;
}

/* What the others call: counted. */
static int32_t counted(void *self, const tb_RawAny *args, int32_t n, tb_RawAny *result) {
    int32_t status = ((tb_FunctionObj *)self)->lend_call(self, args, n, result);
    if (status != TB_CALL_BORROWED) return status;
    tb_keep(table, result);
    return TB_CALL_OK;
}

static int32_t register_lender(tb_ByteSlice name, tb_SafeCall call, tb_SafeCall own, tb_RawAny *error) {
    tb_ObjectHeader *function = tb_make_function(table, own, NULL, NULL);
    int32_t failed;
    if (function == NULL) return tb_fail_memory(table, error);
    ((tb_FunctionObj *)function)->lend_call = call;
    failed = table->function_register(name, function, 0) != 0;
    table->dec_ref(function);
    return failed ? tb_fail(table, error, "ValueError", "a lender's name is taken") : 0;
}

/* forward(function, maker): hands the place of its own result on to another call, whose argument is nobody's
   afterwards. */
static int32_t forward(void *self, const tb_RawAny *args, int32_t n, tb_RawAny *result) {
    tb_FunctionObj *function = (tb_FunctionObj *)args[0].value.object;
    tb_RawAny mine;
    int32_t status;
    (void)self;
    (void)n;
    status = tb_call(table, args[1].value.object, NULL, 0, &mine);
    if (status != 0) {
        *result = mine;
        return status;
    }
    status = function->safe_call(function, &mine, 1, result);
    tb_drop(table, &mine);
    return status;
}

/* Fails as no caller expects it. */
static int32_t fail_with_2(void *self, const tb_RawAny *args, int32_t n, tb_RawAny *result) {
    (void)self;
    (void)args;
    (void)n;
    (void)tb_fail(table, result, "ValueError", "with a status of its own");
    return 2;
}

/* odd_with(function): an object of a type with that function as its method, whatever it is. */
static int32_t odd_with(void *self, const tb_RawAny *args, int32_t n, tb_RawAny *result) {
    tb_MethodInfo methods[] = {{TB_SLICE("call"), TB_SLICE(""), NULL, 0, 0}};
    tb_TypeDesc desc = {TB_SLICE("lies.Odd"), TB_SLICE(""), TB_TYPE_OBJECT, 0, 24, 8, NULL, methods, 0, 1};
    int32_t number;
    void *body;
    (void)self;
    (void)n;
    methods[0].function = args[0].value.object;
    number = tb_register_type(table, &desc, result);
    if (number < 0) return 1;
    body = tb_allocate(table, 24, 8, number);
    if (body == NULL) return tb_fail_memory(table, result);
    *result = tb_object(tb_place(body, number, 0, tb_delete_plain));
    return 0;
}

/* call(function, which): with a lie for an argument. */
static int32_t call(void *self, const tb_RawAny *args, int32_t n, tb_RawAny *result) {
    tb_RawAny argument = lie(args[1].value.i64);
    (void)self;
    (void)n;
    return tb_call(table, args[0].value.object, &argument, 1, result);
}

static const tb_Export exports[] = {
    {"lies.give", give, NULL, NULL},         {"lies.fail", fail, NULL, NULL},
    {"lies.borrowed", borrowed, NULL, NULL}, {"lies.int_for_error", int_for_error, NULL, NULL},
    {"lies.mislabel", mislabel, NULL, NULL}, {"lies.call", call, NULL, NULL},
    {"lies.choose", choose, NULL, NULL},
    {"lies.odd_with", odd_with, NULL, NULL}, {"lies.forward", forward, NULL, NULL},
    {"lies.fail_with_2", fail_with_2, NULL, NULL},
};

TB_EXTERN_C TB_EXPORT int32_t tieback_library_init(const tb_RuntimeTable *tb, tb_LibraryReply *reply);

static int32_t load(const tb_RuntimeTable *tb, tb_RawAny *error) {
    static const tb_FieldInfo outside[] = {
        {TB_SLICE("far"), TB_SLICE(""), 4000, TB_KIND_I64, 0, {0, 0}, 0, 0}};
    static const tb_Export twice[] = {{"lies.first", give, NULL, NULL},
                                      {"lies.second", give, NULL, NULL},
                                      {"lies.first", give, NULL, NULL}};
    tb_TypeDesc desc = {TB_SLICE("lies.Thing"), TB_SLICE(""), TB_TYPE_OBJECT, 0, 32, 8, outside, NULL, 0, 0};
    table = tb;
    if (MODE == HALF) return tb_register_functions(tb, twice, 3, error);
    if (MODE == ITSELF) {
        tb_LibraryReply inner;
        inner.size = sizeof inner;
        inner.error = tb_none();
        if (tieback_library_init(tb, &inner) != TB_LIBRARY_FAILED) return 0;
        *error = inner.error;
        return 1;
    }
    if (MODE == FIELD_OUTSIDE) desc.num_fields = 1;
    if (MODE == NO_SIZE) desc.size = 8;
    if (MODE == NO_FIELDS) desc.num_methods = 2; /* and no methods */
    if (MODE >= FIELD_OUTSIDE) return tb_register_type(tb, &desc, error) < 0;
    return tb_register_functions(tb, exports, sizeof exports / sizeof exports[0], error) != 0 ||
           register_lender(tb_text("lies.lend"), lend, lie_counted, error) != 0 ||
           register_lender(tb_text("lies.pick"), pick, counted, error) != 0 ||
           register_lender(tb_text("lies.first_object"), first_object, counted, error) != 0 ||
           register_lender(tb_text("lies.first_value"), first_value, counted, error) != 0;
}

int32_t tieback_library_init(const tb_RuntimeTable *tb, tb_LibraryReply *reply) {
    static tb_Loading loading;
    static TB_THREAD int inside;
    if (MODE >= MAJOR && MODE <= NO_ERROR) {
        reply->major = TB_ABI_MAJOR + (MODE == MAJOR);
        reply->minor = TB_ABI_MINOR;
        if (MODE == MAJOR) return TB_LIBRARY_REFUSED;
        if (MODE == STATUS) return 77;
        reply->error = MODE == NO_ERROR ? tb_int(4) : lie(0);
        return TB_LIBRARY_FAILED;
    }
    return tb_load(tb, reply, &loading, &inside, load);
}
