/* The least that an extension type can do for each operation: what every binding is measured by. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <structmember.h>

typedef struct {
    PyObject_HEAD
    long val;
} Inner;

typedef struct {
    PyObject_HEAD
    PyObject *x;
} Outer;

static PyObject *inner_val(PyObject *self, void *closure)
{
    (void)closure;
    return PyLong_FromLong(((Inner *)self)->val);
}

static int inner_init(PyObject *self, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"val", NULL};
    return PyArg_ParseTupleAndKeywords(args, kwargs, "l:Inner", names, &((Inner *)self)->val) ? 0 : -1;
}

static PyObject *outer_x(PyObject *self, void *closure)
{
    (void)closure;
    PyObject *x = ((Outer *)self)->x;
    Py_INCREF(x);
    return x;
}

static int outer_init(PyObject *self, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"x", NULL};
    PyObject *x;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O:Outer", names, &x))
        return -1;
    Py_INCREF(x);
    Py_XSETREF(((Outer *)self)->x, x);
    return 0;
}

static void dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    type->tp_free(self);
    Py_DECREF(type);
}

static void outer_dealloc(PyObject *self)
{
    Py_XDECREF(((Outer *)self)->x);
    dealloc(self);
}

static PyObject *echo(PyObject *module, PyObject *arg)
{
    (void)module;
    Py_INCREF(arg);
    return arg;
}

static PyGetSetDef inner_fields[] = {{"val", inner_val, NULL, NULL, NULL}, {NULL, NULL, NULL, NULL, NULL}};
static PyGetSetDef outer_fields[] = {{"x", outer_x, NULL, NULL, NULL}, {NULL, NULL, NULL, NULL, NULL}};
static PyType_Slot inner_slots[] = {
    {Py_tp_getset, inner_fields}, {Py_tp_init, inner_init}, {Py_tp_new, PyType_GenericNew}, {Py_tp_dealloc, dealloc}, {0, NULL}};
static PyType_Slot outer_slots[] = {
    {Py_tp_getset, outer_fields}, {Py_tp_init, outer_init}, {Py_tp_new, PyType_GenericNew}, {Py_tp_dealloc, outer_dealloc}, {0, NULL}};
static PyType_Spec inner_spec = {"limit.Inner", sizeof(Inner), 0, Py_TPFLAGS_DEFAULT, inner_slots};
static PyType_Spec outer_spec = {"limit.Outer", sizeof(Outer), 0, Py_TPFLAGS_DEFAULT, outer_slots};

static PyMethodDef functions[] = {{"echo", echo, METH_O, NULL}, {NULL, NULL, 0, NULL}};
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "limit", NULL, -1, functions, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit_limit(void)
{
    PyObject *module = PyModule_Create(&definition);
    if (module && PyModule_AddObject(module, "Inner", PyType_FromSpec(&inner_spec)) == 0 &&
        PyModule_AddObject(module, "Outer", PyType_FromSpec(&outer_spec)) == 0)
        return module;
    Py_XDECREF(module);
    return NULL;
}
