/* A Tieback library in C: accounts that hold money, and a shelf that holds anything.
 *
 *   c_library.Account     a type with fields (owner, balance, backup), a constructor, a method
 *   c_library.open        makes an account and hands it out
 *   c_library.transfer    takes two accounts; errors of its own
 *   c_library.sum         calls a function of any language; its errors pass through
 *   c_library.guarded     the same, and wraps an error as the cause of a new one
 *   c_library.put, held   keeps a reference in the library, of any language's value
 *   c_library.live        how many accounts are alive
 *
 * It is C11 and C++17 without a warning, links to nothing, and knows no other language. Memory is the
 * process's: tb_allocate. Every reference is counted by the table's functions.
 */
#include <tieback.h>

/* The one table of the process, from the handshake. */
static const tb_RuntimeTable *tb;

/* How many accounts are alive. */
static int64_t live;

/* ---- Account ---- */

typedef struct Account {
    tb_ObjectHeader header;
    tb_RawAny owner;         /* str, frozen: written before anybody sees the account */
    int64_t balance;         /* int, mutable: read and written as an atomic */
    tb_ObjectHeader *backup; /* Account or None, mutable: a slot of the table's functions */
} Account;

static int32_t account_type = -1;

/* Bit 1: the last strong reference went. Bit 2: the last reference of any kind. */
static void delete_account(void *object, int32_t bits) {
    Account *account = (Account *)object;
    if (bits & TB_DELETE_BODY) {
        tb_drop(tb, &account->owner);
        tb->dec_ref(account->backup);
        TB_ADD(&live, -1);
    }
    if (bits & TB_DELETE_SPACE) tb_free(object);
}

/* A new account, owned by the caller; NULL without memory. */
static tb_ObjectHeader *new_account(tb_ByteSlice owner, int64_t balance) {
    tb_RawAny name;
    Account *account;
    if (!tb_make_text(tb, owner, &name)) return NULL;
    account = (Account *)tb_allocate(tb, sizeof(Account), 8, account_type);
    if (account == NULL) {
        tb_drop(tb, &name);
        return NULL;
    }
    account->owner = name;
    account->balance = balance;
    account->backup = NULL;
    TB_ADD(&live, 1);
    return tb_place(account, account_type, 0, delete_account);
}

/* open(owner: str, balance: int) -> Account */
static int32_t open_account(void *self, const tb_RawAny *args, int32_t n, tb_RawAny *result) {
    static const char callee[] = "c_library.open()";
    tb_ByteSlice owner;
    int64_t balance;
    tb_ObjectHeader *account;
    (void)self;
    if (!tb_arg_count(tb, callee, 2, n, result) ||
        !tb_arg_text(tb, callee, args, 0, &owner, result) ||
        !tb_arg_int(tb, callee, args, 1, &balance, result))
        return 1;
    if (balance < 0)
        return tb_fail(tb, result, "ValueError", "an account does not begin with a debt");
    account = new_account(owner, balance);
    if (account == NULL) return tb_fail_memory(tb, result);
    *result = tb_object(account);
    return 0;
}

/* account.deposit(amount: int) -> int, the new balance */
static int32_t deposit(void *self, const tb_RawAny *args, int32_t n, tb_RawAny *result) {
    static const char callee[] = "c_library.Account.deposit()";
    tb_ObjectHeader *account;
    int64_t amount;
    (void)self;
    /* The first argument is the object that the method is called on. */
    if (!tb_arg_count(tb, callee, 2, n, result) ||
        !tb_arg_object(tb, callee, args, 0, account_type, &account, result) ||
        !tb_arg_int(tb, callee, args, 1, &amount, result))
        return 1;
    if (amount <= 0) return tb_fail(tb, result, "ValueError", "a deposit is more than 0");
    *result = tb_int(TB_ADD(&((Account *)account)->balance, amount));
    return 0;
}

/* transfer(from: Account, to: Account, amount: int) -> None */
static int32_t transfer(void *self, const tb_RawAny *args, int32_t n, tb_RawAny *result) {
    static const char callee[] = "c_library.transfer()";
    tb_ObjectHeader *from, *to;
    int64_t amount;
    (void)self;
    if (!tb_arg_count(tb, callee, 3, n, result) ||
        !tb_arg_object(tb, callee, args, 0, account_type, &from, result) ||
        !tb_arg_object(tb, callee, args, 1, account_type, &to, result) ||
        !tb_arg_int(tb, callee, args, 2, &amount, result))
        return 1;
    if (amount < 0 || TB_READ(&((Account *)from)->balance) < amount) {
        tb_ByteSlice parts[2];
        parts[0] = tb_text("not enough money on the account of ");
        (void)tb_get_text(&((Account *)from)->owner, &parts[1]);
        return tb_fail_parts(tb, result, "ValueError", parts, 2);
    }
    TB_ADD(&((Account *)from)->balance, -amount);
    TB_ADD(&((Account *)to)->balance, amount);
    return 0;
}

/* ---- Calling back ---- */

/* sum(count: int, function) -> int: the sum of function(0) ... function(count - 1) */
static int32_t sum(void *self, const tb_RawAny *args, int32_t n, tb_RawAny *result) {
    static const char callee[] = "c_library.sum()";
    tb_ObjectHeader *function;
    int64_t count, at, one, total = 0;
    (void)self;
    if (!tb_arg_count(tb, callee, 2, n, result) ||
        !tb_arg_int(tb, callee, args, 0, &count, result) ||
        !tb_arg_object(tb, callee, args, 1, TB_TYPE_FUNCTION, &function, result))
        return 1;
    for (at = 0; at < count; at++) {
        tb_RawAny argument = tb_int(at), answer;
        /* What the callback raised is what this function raises: the error is in `answer`. */
        if (tb_call(tb, function, &argument, 1, &answer) != 0) {
            *result = answer;
            return 1;
        }
        if (!tb_get_int(&answer, &one)) {
            tb_ByteSlice parts[2];
            parts[0] = tb_text("c_library.sum(): the function must return an int, it returned ");
            parts[1] = tb_type_name(tb, &answer);
            (void)tb_fail_parts(tb, result, "TypeError", parts, 2);
            tb_drop(tb, &answer);
            return 1;
        }
        total += one;
    }
    *result = tb_int(total);
    return 0;
}

/* guarded(function, value) -> function(value); its error becomes the cause of a RuntimeError */
static int32_t guarded(void *self, const tb_RawAny *args, int32_t n, tb_RawAny *result) {
    static const char callee[] = "c_library.guarded()";
    tb_ObjectHeader *function;
    (void)self;
    if (!tb_arg_count(tb, callee, 2, n, result) ||
        !tb_arg_object(tb, callee, args, 0, TB_TYPE_FUNCTION, &function, result))
        return 1;
    if (tb_call(tb, function, &args[1], 1, result) == 0) return 0;
    *result = tb_object(tb_make_error(tb, tb_text("RuntimeError"), tb_text("the guarded call failed"),
                                      result->value.object));
    return 1;
}

/* ---- Holding a value ---- */

/* One slot in an object of ours: a global of any value is safe to replace while others read it. */
typedef struct Shelf {
    tb_ObjectHeader header;
    tb_RawAny item;
} Shelf;

static Shelf *shelf;

static void delete_shelf(void *object, int32_t bits) {
    if (bits & TB_DELETE_BODY) tb_drop(tb, &((Shelf *)object)->item);
    if (bits & TB_DELETE_SPACE) tb_free(object);
}

/* put(value) -> what was there before */
static int32_t put(void *self, const tb_RawAny *args, int32_t n, tb_RawAny *result) {
    (void)self;
    if (!tb_arg_count(tb, "c_library.put()", 1, n, result)) return 1;
    if (!tb_own(tb, &args[0], result)) return tb_fail_memory(tb, result);
    /* Exchanges the two: the old value is the result, and the caller's. */
    tb->any_slot_swap(&shelf->header, &shelf->item, result);
    return 0;
}

/* held() -> what was put there last */
static int32_t held(void *self, const tb_RawAny *args, int32_t n, tb_RawAny *result) {
    (void)self;
    (void)args;
    if (!tb_arg_count(tb, "c_library.held()", 0, n, result)) return 1;
    tb->any_slot_load(&shelf->header, &shelf->item, result);
    return 0;
}

/* live() -> int */
static int32_t count_live(void *self, const tb_RawAny *args, int32_t n, tb_RawAny *result) {
    (void)self;
    (void)args;
    if (!tb_arg_count(tb, "c_library.live()", 0, n, result)) return 1;
    *result = tb_int(TB_READ(&live));
    return 0;
}

/* ---- The library ---- */

static const tb_FieldInfo fields[] = {
    {TB_SLICE("owner"), TB_SLICE("Whose account it is."), offsetof(Account, owner), TB_KIND_STR,
     0, {0, 0}, TB_FIELD_FROZEN, 0},
    {TB_SLICE("balance"), TB_SLICE("What is on it, in cents."), offsetof(Account, balance),
     TB_KIND_I64, 0, {0, 0}, 0, 0},
    {TB_SLICE("backup"), TB_SLICE("The account that helps out, or None."), offsetof(Account, backup),
     TB_KIND_OBJECT, 0, {0, 0}, TB_FIELD_OPTIONAL, TB_TYPE_THIS},
};

static const tb_Export exports[] = {
    {"c_library.open", open_account, "(owner, balance, /)", "Opens an account."},
    {"c_library.transfer", transfer, "(source, target, amount, /)",
     "Moves an amount, in cents, from one account to another."},
    {"c_library.sum", sum, "(count, function, /)", "The sum of function(0) to function(count - 1)."},
    {"c_library.guarded", guarded, "(function, value, /)",
     "function(value); what it raises is the cause of a RuntimeError."},
    {"c_library.put", put, "(value, /)", "Holds a value; what was held before."},
    {"c_library.held", held, "()", "What was put there last."},
    {"c_library.live", count_live, "()", "How many accounts are alive."},
};

/* Registers the type with its methods; 0, or 1 with an error. */
static int32_t register_account(tb_RawAny *error) {
    tb_MethodInfo methods[] = {
        {TB_SLICE("__new__"), TB_SLICE("Account(owner, balance)"), NULL, TB_METHOD_STATIC, 0},
        {TB_SLICE("deposit"), TB_SLICE("Adds an amount; the new balance."), NULL, 0, 0},
    };
    tb_TypeDesc desc = {TB_SLICE("c_library.Account"), TB_SLICE("Somebody's money."), TB_TYPE_OBJECT,
                        0, sizeof(Account), 8, fields, methods, 3, 2};
    methods[0].function = tb_make_function(tb, open_account, NULL, NULL);
    methods[1].function = tb_make_function(tb, deposit, NULL, NULL);
    if (methods[0].function == NULL || methods[1].function == NULL)
        (void)tb_fail_memory(tb, error);
    else
        account_type = tb_register_type(tb, &desc, error);
    /* The table took references of its own. */
    tb->dec_ref(methods[0].function);
    tb->dec_ref(methods[1].function);
    return account_type < 0;
}

/* Everything, or nothing: what was made for a load that failed is given back. */
static int32_t load(const tb_RuntimeTable *table, tb_RawAny *error) {
    tb = table;
    shelf = (Shelf *)tb_allocate(tb, sizeof(Shelf), 8, TB_TYPE_OBJECT);
    if (shelf == NULL) return tb_fail_memory(tb, error);
    shelf->item = tb_none();
    (void)tb_place(shelf, TB_TYPE_OBJECT, 0, delete_shelf);
    if (register_account(error) == 0 &&
        tb_register_functions(tb, exports, sizeof exports / sizeof exports[0], error) == 0)
        return 0;
    tb->dec_ref(&shelf->header);
    return 1;
}

TB_EXPORT_LIBRARY(load)
