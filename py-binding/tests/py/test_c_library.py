"""A library written in C, in Python: its objects have one face, its errors are exceptions."""

from __future__ import annotations

import gc
import threading
from typing import Any

import pytest
from libraries import file_name, load, path

import tieback
from tieback.dataclasses import py_class
from tieback.testing import use_count

c = load("c_library")
lies = load("lies")
Account = type(c.open("first", 0))
OWN_ECHO = tieback.get_global_func("testing.echo")
# Here, as a type and its methods are there for ever.
ODD = lies.odd_with(lambda *args, **named: (args, named))


@py_class("test_c_library.Note")
class Note(tieback.Object):
    text: str


def test_fields_methods_and_the_class_call():
    account = c.open("Ada", 100)
    assert type(account) is Account and Account.__doc__ == "Somebody's money."
    assert (account.owner, account.balance, account.backup) == ("Ada", 100, None)
    assert account.deposit(20) == 120 == account.balance
    account.balance = 7
    assert account.deposit(1) == 8
    with pytest.raises(AttributeError, match="owner"):
        account.owner = "Bob"
    other = Account("Bob, whose name is long", 5)
    account.backup = other
    assert account.backup is other and use_count(other) == 2
    with pytest.raises(TypeError, match="c_library.Account"):
        account.backup = Note("no account")
    assert c.live() == 2
    del account, other
    assert c.live() == 0


def test_one_face_through_c():
    account = c.open("Ada", 1)
    number = id(account)
    assert c.put(account) is None
    assert c.held() is account
    account.balance = 5
    del account
    gc.collect()
    others = [c.open(str(n), n) for n in range(8)]
    held = c.held()
    assert id(held) == number and held.balance == 5
    assert c.put(None) is held
    del held, others
    assert c.live() == 0


@pytest.mark.parametrize(
    "value", [None, True, 3, 2.5, "short", "not so short", b"xy", b"not short"]
)
def test_values_kept_by_c(value):
    c.put(value)
    assert c.held() == value and type(c.held()) is type(value)
    assert c.put(None) == value


def test_a_python_defined_object_and_a_plain_one_through_c():
    note = Note("n")
    assert c.put(note) is None and c.held() is note
    plain = object()
    assert c.put(plain) is note
    assert c.held() is plain
    assert c.put(None) is plain
    assert use_count(note) == 1


def test_errors_out_of_c():
    for message, act in (
        (r"c_library.open\(\) takes 2 arguments, got 1", lambda: c.open("x")),
        (r"c_library.open\(\) argument 2: expected int, got str", lambda: c.open("x", "y")),
        (
            r"c_library.transfer\(\) argument 1: expected c_library.Account, got test_c_library.Note",
            lambda: c.transfer(Note(""), c.open("x", 1), 1),
        ),
    ):
        with pytest.raises(TypeError, match=message):
            act()
    account = c.open("Ada", 1)
    with pytest.raises(ValueError, match="^not enough money on the account of Ada$"):
        c.transfer(account, account, 2)
    with pytest.raises(ValueError, match="a deposit is more than 0"):
        account.deposit(0)
    del account
    assert c.live() == 0


def test_errors_through_c_are_the_same_exception():
    raised = KeyError("two")

    def failing(n):
        if n == 2:
            raise raised
        return n

    assert c.sum(2, failing) == 1
    with pytest.raises(KeyError) as caught:
        c.sum(4, failing)
    assert caught.value is raised
    with pytest.raises(RuntimeError, match="the guarded call failed") as caught:
        c.guarded(failing, 2)
    assert caught.value.__cause__ is raised
    with pytest.raises(TypeError, match="must return an int, it returned float"):
        c.sum(1, float)
    raised.__traceback__ = None


def test_loading_again_does_nothing():
    before = c.open("x", 1)
    for _ in range(3):
        tieback.load_library(path("c_library"))
    assert type(c.open("y", 1)) is type(before) is Account
    # The same source as C++17; not there where there is no C++ compiler.
    if path("c_library").with_name(file_name("cpp_library")).is_file():
        with pytest.raises(ValueError, match="'c_library.open' is already registered"):
            tieback.load_library(path("cpp_library"))
    assert tieback.get_global_func("c_library.sum")(3, lambda n: n) == 3


def test_threads_put_and_get():
    def work(n):
        for i in range(300):
            c.put(c.open("t", n * i))
            held = c.held()
            assert held is None or held.owner == "t"

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    c.put(None)
    assert c.live() == 0


@pytest.mark.parametrize("which", range(8))
def test_what_is_no_value_is_an_error(which):
    """Numbers of no type, objects at NULL, lengths without room: as a result, an error, an argument."""
    with pytest.raises(RuntimeError, match="a function returned"):
        lies.give(which)
    with pytest.raises(RuntimeError, match="a function returned"):
        lies.fail(which)
    with pytest.raises(TypeError):
        lies.call(lambda value: value, which)
    with pytest.raises(RuntimeError, match="borrowed"):
        lies.borrowed()
    with pytest.raises(RuntimeError, match="without an error object"):
        lies.int_for_error()
    lies.choose(which)
    note = Note("lent to it")
    for args in ((note,), (note, note), (note, 1, note), (), (1, 2, 3, 4)):
        with pytest.raises(RuntimeError, match="a function returned"):
            lies.lend(*args)
    assert use_count(note) == 1 and lies.first_value(note) == "lent to it"


@py_class("test_c_library.Holder", frozen=True)
class Holder(tieback.Object):
    note: Note


@py_class("test_c_library.Text", frozen=True)
class Text(tieback.Object):
    text: Any


def test_what_an_argument_keeps_alive_is_handed_back_uncounted():
    """One of the arguments, or what one of them holds: with a live wrapper, or a kept one."""
    rich, poor = Note("rich"), Note("poor")
    for args in ((1, rich), (1, rich, poor), (2, poor, rich), (1, rich, rich), (4, 1, 2, 3, rich)):
        assert lies.pick(*args) is rich
        assert use_count(rich) == use_count(poor) == 1
    assert lies.pick(0, rich) == 0 and lies.pick(1, None) is None and lies.pick(1, "long enough to be one") == "long enough to be one"
    holder = Holder(Note("held"))
    number, note = id(holder.note), holder.note
    assert lies.first_object(holder) is note and use_count(note) == 2
    del note
    others = [Note(str(n)) for n in range(8)]
    assert id(lies.first_object(holder)) == number
    assert lies.first_object(holder).text == "held" and use_count(holder.note) == 2
    del others
    for value in ("short", "a text that is an object", b"bytes that are an object", None, 5):
        assert lies.first_value(Text(value)) == value
        assert lies.first_value(Text(value), 0, 0, 0) == value  # by the way of all calls: counted


def test_what_is_handed_back_can_be_all_that_is_left_of_it():
    """`f(g())`: the argument's wrapper goes with the call, and the result is what it was."""
    assert lies.pick(1, Note("nobody else's")).text == "nobody else's"
    note = lies.first_object(Holder(Note("held by what is gone")))
    gc.collect()
    assert note.text == "held by what is gone" and use_count(note) == 1


def test_a_method_can_be_a_callable_of_pythons():
    odd = ODD
    assert odd.call() == ((odd,), {}) and odd.call(1, 2) == ((odd, 1, 2), {})
    assert odd.call(1, k=2) == ((odd, 1), {"k": 2}) == type(odd).call(odd, 1, k=2)
    bound = odd.call
    assert bound() == ((odd,), {}) and bound.__self__ is odd


def test_what_is_borrowed_does_not_outlive_an_inner_call():
    """A function that hands the place of its result on to another call, whose arguments it drops after."""
    for _ in range(20):
        came = lies.forward(OWN_ECHO, tieback.convert(lambda: Note("made for the inner call")))
        others = [Note(str(n)) for n in range(8)]
        assert came.text == "made for the inner call" and use_count(came) == 1
        del others


def test_a_status_of_ones_own_is_a_failure():
    note = Note("")
    for args in ((), (note,), (note, note), (note, 1, 2), (1, 2, 3, 4)):
        with pytest.raises(ValueError, match="with a status of its own"):
            lies.fail_with_2(*args)
