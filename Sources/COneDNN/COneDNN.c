#include "COneDNN.h"
#include <string.h>

#if defined(__x86_64__) && defined(__linux__)
#include <oneapi/dnnl/dnnl.h>
#include <pthread.h>

// oneDNN runs on OpenMP or not, as it was built; the pipeline owns parallelism.
extern int omp_get_max_threads(void) __attribute__((weak));
extern void omp_set_num_threads(int) __attribute__((weak));

// Keeps oneDNN on the calling thread, whose own setting comes back.
static int begin_alone(void) {
    int threads = omp_get_max_threads ? omp_get_max_threads() : 1;
    if (threads > 1 && omp_set_num_threads) omp_set_num_threads(1);
    return threads;
}

static void end_alone(int threads) {
    if (threads > 1 && omp_set_num_threads) omp_set_num_threads(threads);
}

// What differs between versions 2 and 3: descriptors became objects, and products lost a step.
#if DNNL_VERSION_MAJOR >= 3
typedef dnnl_memory_desc_t descriptor;
typedef const_dnnl_memory_desc_t borrowed;
#define BORROW(d) (d)
static int describe(descriptor *d, const dnnl_dims_t dims, dnnl_data_type_t type, const dnnl_dims_t strides) {
    return strides ? dnnl_memory_desc_create_with_strides(d, 2, dims, type, strides)
                   : dnnl_memory_desc_create_with_tag(d, 2, dims, type, dnnl_format_tag_any);
}
static void forget(descriptor *d) {
    if (*d) dnnl_memory_desc_destroy(*d);
}
static int describe_product(dnnl_primitive_desc_t *product, borrowed in, borrowed matrix, borrowed out,
                            const_dnnl_primitive_attr_t attributes, dnnl_engine_t engine) {
    return dnnl_matmul_primitive_desc_create(product, engine, in, matrix, NULL, out, attributes);
}
static int append_sum(dnnl_post_ops_t steps) { return dnnl_post_ops_append_sum(steps, 1, 0, dnnl_data_type_undef); }
#else
typedef dnnl_memory_desc_t descriptor;
typedef const dnnl_memory_desc_t *borrowed;
#define BORROW(d) (&(d))
static int describe(descriptor *d, const dnnl_dims_t dims, dnnl_data_type_t type, const dnnl_dims_t strides) {
    return strides ? dnnl_memory_desc_init_by_strides(d, 2, dims, type, strides)
                   : dnnl_memory_desc_init_by_tag(d, 2, dims, type, dnnl_format_tag_any);
}
static void forget(descriptor *d) {}
static int describe_product(dnnl_primitive_desc_t *product, borrowed in, borrowed matrix, borrowed out,
                            const_dnnl_primitive_attr_t attributes, dnnl_engine_t engine) {
    dnnl_matmul_desc_t operation;
    int status = dnnl_matmul_desc_init(&operation, in, matrix, NULL, out);
    return status ? status : dnnl_primitive_desc_create(product, &operation, attributes, engine, NULL);
}
static int append_sum(dnnl_post_ops_t steps) { return dnnl_post_ops_append_sum(steps, 1); }
#endif

// Rows by which a layout is chosen; products of any number of rows then use it.
enum { TYPICAL_ROWS = 256 };

static dnnl_engine_t processor;
static void make_processor(void) {
    if (dnnl_engine_create(&processor, dnnl_cpu, 0)) processor = NULL;
}
static dnnl_engine_t engine(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_processor);
    return processor;
}

static dnnl_data_type_t type_of(int bf16) { return bf16 ? dnnl_bf16 : dnnl_f32; }

// A product of rows with a matrix in the layout `matrix`, or in the one that suits it best for NULL.
static int make_product(dnnl_primitive_desc_t *product, size_t rows, size_t in_stride, borrowed matrix, size_t outputs,
                        size_t inputs, int bf16, int adding, size_t out_stride) {
    descriptor in = {0}, out = {0}, any = {0};
    dnnl_primitive_attr_t attributes = NULL;
    dnnl_post_ops_t steps = NULL;
    *product = NULL;
    int status = describe(&in, (dnnl_dims_t){rows, inputs}, type_of(bf16), (dnnl_dims_t){in_stride, 1});
    if (!status) status = describe(&out, (dnnl_dims_t){rows, outputs}, dnnl_f32, (dnnl_dims_t){out_stride, 1});
    if (!status) status = describe(&any, (dnnl_dims_t){inputs, outputs}, type_of(bf16), NULL);
    if (!status && adding) {
        status = dnnl_primitive_attr_create(&attributes);
        if (!status) status = dnnl_post_ops_create(&steps);
        if (!status) status = append_sum(steps);
        if (!status) status = dnnl_primitive_attr_set_post_ops(attributes, steps);
    }
    if (!status)
        status = describe_product(product, BORROW(in), matrix ? matrix : BORROW(any), BORROW(out), attributes, engine());
    if (steps) dnnl_post_ops_destroy(steps);
    if (attributes) dnnl_primitive_attr_destroy(attributes);
    forget(&in);
    forget(&out);
    forget(&any);
    return status;
}

// The product whose layout a matrix has, for as long as the layout is needed; oneDNN remembers those it made.
static int make_typical(dnnl_primitive_desc_t *typical, size_t outputs, size_t inputs, int bf16) {
    return make_product(typical, TYPICAL_ROWS, inputs, NULL, outputs, inputs, bf16, 0, outputs);
}

static borrowed layout_of(dnnl_primitive_desc_t product) {
    return dnnl_primitive_desc_query_md(product, dnnl_query_weights_md, 0);
}

// Runs a step on memories of the given kinds and layouts, which lie at `places`.
static int run(dnnl_primitive_desc_t description, int count, const int *kinds, const borrowed *layouts,
               void *const *places) {
    dnnl_primitive_t primitive = NULL;
    dnnl_stream_t stream = NULL;
    dnnl_exec_arg_t arguments[3] = {{0}};
    int status = dnnl_primitive_create(&primitive, description);
    if (!status) status = dnnl_stream_create(&stream, engine(), dnnl_stream_default_flags);
    for (int i = 0; i < count && !status; i++) {
        arguments[i].arg = kinds[i];
        status = dnnl_memory_create(&arguments[i].memory, layouts[i], engine(), places[i]);
    }
    if (!status) status = dnnl_primitive_execute(primitive, stream, count, arguments);
    if (!status) status = dnnl_stream_wait(stream);
    for (int i = 0; i < count; i++)
        if (arguments[i].memory) dnnl_memory_destroy(arguments[i].memory);
    if (stream) dnnl_stream_destroy(stream);
    if (primitive) dnnl_primitive_destroy(primitive);
    return status;
}

int tr_packs(int bf16) {
    if (!engine()) return 0;
    return !bf16 || __builtin_cpu_supports("avx512bf16");
}

void tr_onednn_version(int version[3]) {
    const dnnl_version_t *found = dnnl_version();
    version[0] = found->major;
    version[1] = found->minor;
    version[2] = found->patch;
}

size_t tr_packed_bytes(size_t outputs, size_t inputs, int bf16) {
    int threads = begin_alone();
    dnnl_primitive_desc_t typical;
    const char *kernel = "ref";
    size_t bytes = 0;
    if (!make_typical(&typical, outputs, inputs, bf16)) {
        dnnl_primitive_desc_query(typical, dnnl_query_impl_info_str, 0, &kernel);
        // The reference kernel is there to be right, not to be used.
        if (strncmp(kernel, "ref", 3)) bytes = dnnl_memory_desc_get_size(layout_of(typical));
        dnnl_primitive_desc_destroy(typical);
    }
    end_alone(threads);
    return bytes;
}

int tr_pack(const float *matrix, size_t outputs, size_t inputs, size_t stride, int bf16, void *packed) {
    int threads = begin_alone();
    dnnl_primitive_desc_t typical = NULL, reorder = NULL;
    descriptor given = {0};
    int status = make_typical(&typical, outputs, inputs, bf16);
    if (!status)
        status = describe(&given, (dnnl_dims_t){inputs, outputs}, dnnl_f32, (dnnl_dims_t){1, stride});
    if (!status)
        status =
            dnnl_reorder_primitive_desc_create(&reorder, BORROW(given), engine(), layout_of(typical), engine(), NULL);
    if (!status)
        status = run(reorder, 2, (int[]){DNNL_ARG_FROM, DNNL_ARG_TO}, (borrowed[]){BORROW(given), layout_of(typical)},
                     (void *[]){(void *)matrix, packed});
    if (reorder) dnnl_primitive_desc_destroy(reorder);
    if (typical) dnnl_primitive_desc_destroy(typical);
    forget(&given);
    end_alone(threads);
    return status;
}

static int run_product(dnnl_primitive_desc_t product, const void *in, const void *matrix, float *out) {
    borrowed in_layout = dnnl_primitive_desc_query_md(product, dnnl_query_src_md, 0);
    borrowed out_layout = dnnl_primitive_desc_query_md(product, dnnl_query_dst_md, 0);
    return run(product, 3, (int[]){DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DST},
               (borrowed[]){in_layout, layout_of(product), out_layout}, (void *[]){(void *)in, (void *)matrix, out});
}

int tr_packed_multiply(const void *in, size_t rows, const void *packed, size_t outputs, size_t inputs, int bf16,
                       int adding, float *out) {
    int threads = begin_alone();
    dnnl_primitive_desc_t typical = NULL, product = NULL;
    int status = make_typical(&typical, outputs, inputs, bf16);
    if (!status)
        status = make_product(&product, rows, inputs, layout_of(typical), outputs, inputs, bf16, adding, outputs);
    if (!status) status = run_product(product, in, packed, out);
    if (product) dnnl_primitive_desc_destroy(product);
    if (typical) dnnl_primitive_desc_destroy(typical);
    end_alone(threads);
    return status;
}

int tr_bf16_multiply(const uint16_t *in, size_t rows, size_t in_stride, const uint16_t *matrix, size_t outputs,
                     size_t inputs, size_t output_stride, size_t input_stride, float *out, size_t out_stride) {
    int threads = begin_alone();
    dnnl_primitive_desc_t product = NULL;
    descriptor layout = {0};
    int status =
        describe(&layout, (dnnl_dims_t){inputs, outputs}, dnnl_bf16, (dnnl_dims_t){input_stride, output_stride});
    if (!status)
        status = make_product(&product, rows, in_stride, BORROW(layout), outputs, inputs, 1, 0, out_stride);
    if (!status) status = run_product(product, in, matrix, out);
    if (product) dnnl_primitive_desc_destroy(product);
    forget(&layout);
    end_alone(threads);
    return status;
}

#else

int tr_packs(int bf16) { return 0; }
void tr_onednn_version(int version[3]) { memset(version, 0, 3 * sizeof *version); }
size_t tr_packed_bytes(size_t outputs, size_t inputs, int bf16) { return 0; }
int tr_pack(const float *matrix, size_t outputs, size_t inputs, size_t stride, int bf16, void *packed) { return -1; }
int tr_packed_multiply(const void *in, size_t rows, const void *packed, size_t outputs, size_t inputs, int bf16,
                       int adding, float *out) {
    return -1;
}
int tr_bf16_multiply(const uint16_t *in, size_t rows, size_t in_stride, const uint16_t *matrix, size_t outputs,
                     size_t inputs, size_t output_stride, size_t input_stride, float *out, size_t out_stride) {
    return -1;
}

#endif
