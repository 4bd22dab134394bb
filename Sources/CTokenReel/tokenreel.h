/* TokenReel for programs in C and languages that can call C.
 *
 *     tokenreel_model *model;
 *     tokenreel_result *result;
 *     tokenreel_tensor tokens;
 *     char *error = NULL;
 *     if (tokenreel_open("{\"keep\": 0.1}", &model, &error)
 *         || tokenreel_reduce_file(model, "clip.mp4", NULL, NULL, &result, &error)
 *         || tokenreel_result_find(result, "tokens", &tokens, &error)) {
 *         fprintf(stderr, "%s\n", error);
 *         tokenreel_string_free(error);
 *     }
 *
 * Handles. What tokenreel_open and its kin hand out is a number behind a pointer type: never NULL, never used twice in
 * a process. A handle that was freed, or never was one, is an error like any other, and freeing it, or NULL, does
 * nothing.
 *
 * Threads. Every function may be called from every thread at any time, with the same handles too. Freeing a handle
 * while another thread works with it is fine: the object goes when the work is done. Calls block; only those that take
 * a cancellation, and tokenreel_stream_push and tokenreel_stream_poll, take long.
 *
 * Errors. A call returns TOKENREEL_OK or the kind of failure. Where `error` is not NULL it is set to NULL, or to a JSON
 * object with the members code, subject, found, allowed, remedy and message, which tokenreel_string_free takes back;
 * its "code" is the stable name of the failure, its "message" one line that says all of it. Results behind pointers are
 * set to NULL, or for a tensor to zeros, when a call fails. Only memory that isn't what it is said to be can crash: a
 * pointer that is neither NULL nor valid, a shape that reaches beyond the numbers.
 *
 * Options are a JSON object; NULL stands for {}. Names are those of the command's long options with _ for -, "set" is
 * an object, and times are seconds:
 *
 *     model query_model layer space saliency precision grid                which model, for tokenreel_open only
 *     least_pixels most_pixels                                             Qwen-VL's own resizing, likewise
 *     method set keep tokens per_frame codebook order quantize             what is kept, and how
 *     grid_preserving compare_streams positions
 *     query query_image query_embedding as_published allow_substitute
 *     fps frames keyframes start end stream source_name                    what is taken from a video
 *     window max_latency                                                   how much is looked at at once, see streams
 *     measure                                                              false: no figures of quality
 *     threads max_pixels max_frames max_bytes max_grid_bytes max_seconds   what it may cost
 *
 * Options of a call stand above those that the model was opened with; null takes one of those back.
 *
 * The interface only grows: a program built with this header works with every later library of the same TOKENREEL_ABI.
 */
#ifndef TOKENREEL_H
#define TOKENREEL_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TOKENREEL_ABI 1

/* What a call returns. Kinds of failure may be added. */
enum {
    TOKENREEL_END = -1,              /* no failure: a stream is over */
    TOKENREEL_OK = 0,
    TOKENREEL_INVALID_ARGUMENT = 1,  /* an option or argument makes no sense */
    TOKENREEL_UNREADABLE_INPUT = 2,  /* the input can't be opened or is not what it claims to be */
    TOKENREEL_UNSUPPORTED_INPUT = 3, /* the input is well formed but of a kind that is not accepted */
    TOKENREEL_LIMIT_EXCEEDED = 4,    /* a limit on pixels, frames, bytes or seconds was reached */
    TOKENREEL_MISSING_SIGNAL = 5,    /* a method needs a signal that the grid does not carry */
    TOKENREEL_INPUT_OUTPUT = 6,      /* reading or writing failed in the operating system */
    TOKENREEL_OUTPUT_CLOSED = 7,     /* whoever read the output stopped reading */
    TOKENREEL_CANCELLED = 8,         /* someone raised the cancellation */
    TOKENREEL_FAILURE = 99           /* any other; the error's "code" tells which */
};

/* Element types of tensors. Numbers lie in memory as the machine has them. */
enum {
    TOKENREEL_F32 = 1,
    TOKENREEL_F64 = 2,
    TOKENREEL_F16 = 3,
    TOKENREEL_BF16 = 4,
    TOKENREEL_U8 = 5,
    TOKENREEL_I8 = 6,
    TOKENREEL_U16 = 7,
    TOKENREEL_I16 = 8,
    TOKENREEL_U32 = 9,
    TOKENREEL_I32 = 10,
    TOKENREEL_U64 = 11,
    TOKENREEL_I64 = 12
};

typedef int32_t tokenreel_status;
typedef struct tokenreel_model tokenreel_model;
typedef struct tokenreel_result tokenreel_result;
typedef struct tokenreel_stream tokenreel_stream;
typedef struct tokenreel_cancellation tokenreel_cancellation;

/* Numbers in memory with a name. */
typedef struct tokenreel_tensor {
    const char *name;       /* UTF-8 */
    const void *data;       /* the element at index 0, 0, ...; may be NULL if there are none */
    const int64_t *shape;   /* sizes, slowest first */
    const int64_t *strides; /* elements from one index to the next, may be negative; NULL: row-major without gaps */
    int32_t rank;           /* dimensions, up to 8 */
    int32_t dtype;          /* TOKENREEL_F32 and so on */
} tokenreel_tensor;

/* The version of the library, such as "1.2.0", and the TOKENREEL_ABI it was built with. */
const char *tokenreel_version(void);
int32_t tokenreel_abi(void);

/* Takes back a string that a call handed out. */
void tokenreel_string_free(char *string);

/* The methods that "method" can name, with their parameters: a JSON array. */
tokenreel_status tokenreel_methods(char **methods, char **error);

/* -- Stopping work -- */

/* A flag for one call or several; raising it ends them with TOKENREEL_CANCELLED soon after. */
tokenreel_cancellation *tokenreel_cancellation_new(void);
void tokenreel_cancel(tokenreel_cancellation *cancellation);
void tokenreel_cancellation_free(tokenreel_cancellation *cancellation);

/* -- Reducing -- */

/* Reads a checkpoint, or takes the built-in encoder, to be used by any number of calls at once. */
tokenreel_status tokenreel_open(const char *options, tokenreel_model **model, char **error);
void tokenreel_model_free(tokenreel_model *model);

/* Reduces a video, or a token grid in a safetensors file. `path` is only ever a path, never an address. */
tokenreel_status tokenreel_reduce_file(
    tokenreel_model *model, const char *path, const char *options, tokenreel_cancellation *cancellation,
    tokenreel_result **result, char **error);

/* Reduces a token grid in memory, which must stay as it is during the call and is not needed afterwards.
 *
 * `tensors` are those of a grid file: "tokens" [T, H, W, D], or [T, N, D] with square N, and what else there is of
 * "saliency", "frame_times", "frame_features", "query", "patch_embeddings", "newline" and others. F32 without gaps is
 * read where it lies; all else is copied.
 */
tokenreel_status tokenreel_reduce_tensors(
    tokenreel_model *model, const tokenreel_tensor *tensors, size_t count, const char *options,
    tokenreel_cancellation *cancellation, tokenreel_result **result, char **error);

/* Reads a file of reduced tokens. */
tokenreel_status tokenreel_read_file(const char *path, tokenreel_result **result, char **error);

/* -- Streams -- */

/* Frames that come one by one, for as long as they come. A segment is finished as soon as no later frame can change it,
 * or when `window` frames (32) or `max_latency` seconds wait; then it is reduced like a video of its own. Work goes on
 * in a thread of the stream's; freeing the stream ends it, and what waits is lost. For Qwen2.5-VL `fps` must say how many
 * frames a second will be pushed (2 without it), since positions count them; they go on from segment to segment.
 */
tokenreel_status tokenreel_stream_open(
    tokenreel_model *model, const char *options, tokenreel_stream **stream, char **error);

/* Hands over a frame: `height` rows of `width` pixels, red, green and blue bytes, `stride` bytes from one row to the
 * next (0: 3 * width), shown at `seconds`, which rise from frame to frame. The frame is copied. While four frames wait
 * to be encoded, so does the call. Fails once the stream's work has failed.
 */
tokenreel_status tokenreel_stream_push(
    tokenreel_stream *stream, const uint8_t *pixels, int32_t width, int32_t height, int64_t stride, double seconds,
    char **error);

/* No frame follows; those that wait make up the last segments. */
tokenreel_status tokenreel_stream_finish(tokenreel_stream *stream, char **error);

/* The next finished segment, as a result of its own: "positions" count frames from the segment's first, "timestamps"
 * and "frame_times" are those that were pushed. Waits for it up to `timeout` seconds, or for ever if they are negative.
 * None in time: TOKENREEL_OK, and *result is NULL. After the last: TOKENREEL_END, or what made the work fail. Finished
 * segments wait in memory until they are polled.
 */
tokenreel_status tokenreel_stream_poll(
    tokenreel_stream *stream, double timeout, tokenreel_result **result, char **error);
void tokenreel_stream_free(tokenreel_stream *stream);

/* -- Results -- */

/* The tensors of a result are those of a token file, tokens in F32; they stay where they are until the result is freed.
 * tokenreel_result_tensor takes an index below tokenreel_result_count.
 */
size_t tokenreel_result_count(tokenreel_result *result);
tokenreel_status tokenreel_result_tensor(
    tokenreel_result *result, size_t index, tokenreel_tensor *tensor, char **error);
tokenreel_status tokenreel_result_find(
    tokenreel_result *result, const char *name, tokenreel_tensor *tensor, char **error);

/* The strings of a token file, and the figures of `tokenreel reduce --json` (of a segment its place in the stream; null
 * for a file that was read), as one JSON object {"metadata": {...}, "report": {...}}; stays until the result is freed.
 * NULL if it is no result.
 */
const char *tokenreel_result_description(tokenreel_result *result);

/* Writes a token file; `dtype` is "f16", "bf16" or "f32", or NULL for "f16". */
tokenreel_status tokenreel_result_write(
    tokenreel_result *result, const char *path, const char *dtype, char **error);
void tokenreel_result_free(tokenreel_result *result);

#ifdef __cplusplus
}
#endif

#endif
