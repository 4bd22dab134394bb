/* What a program in C sees of the library; prints the first thing that is not as it should be.
 *
 * usage: program CLIP.mp4 FOLDER
 */
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tokenreel.h"

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            printf("line %d: %s; last error: %s\n", __LINE__, #condition, last);                                       \
            exit(1);                                                                                                   \
        }                                                                                                              \
    } while (0)

static char last[2000] = "none";

/* Keeps the text of an error, and tells whether it is of that status and mentions some words. */
static int fails(tokenreel_status status, tokenreel_status expected, char **error, const char *words) {
    snprintf(last, sizeof last, "%d %s", status, *error ? *error : "no text");
    int as_expected = status == expected && *error && strstr(*error, words) && strstr(*error, "\"message\":");
    tokenreel_string_free(*error);
    *error = NULL;
    return as_expected;
}

static int succeeds(tokenreel_status status, char **error) {
    snprintf(last, sizeof last, "%d %s", status, *error ? *error : "no text");
    int is_ok = status == TOKENREEL_OK && !*error;
    tokenreel_string_free(*error);
    *error = NULL;
    return is_ok;
}

static tokenreel_tensor tensor_of(const char *name, const void *data, const int64_t *shape, int rank) {
    tokenreel_tensor tensor = {name, data, shape, NULL, rank, TOKENREEL_F32};
    return tensor;
}

enum { FRAMES = 4, SIDE = 6, CHANNELS = 16, SOURCES = FRAMES * SIDE * SIDE };
static float numbers[SOURCES * CHANNELS];
static const int64_t grid_shape[4] = {FRAMES, SIDE, SIDE, CHANNELS};

static void fill(void) {
    unsigned state = 1;
    for (int i = 0; i < SOURCES * CHANNELS; i++) {
        state = state * 1664525u + 1013904223u;
        numbers[i] = (float)(state >> 8) / (1 << 24) - 0.5f;
    }
}

static void files(const char *clip, const char *folder) {
    char *error = NULL, path[1000], missing[1000];
    snprintf(path, sizeof path, "%s/out.safetensors", folder);
    snprintf(missing, sizeof missing, "%s/no.mp4", folder);
    tokenreel_model *model = NULL;
    tokenreel_result *result = NULL, *again = NULL;
    tokenreel_tensor tokens, stored, positions;
    CHECK(succeeds(tokenreel_open("{\"tokens\": 40, \"fps\": 1, \"threads\": 1}", &model, &error), &error) && model);
    CHECK(succeeds(tokenreel_reduce_file(model, clip, "{\"source_name\": \"a clip\"}", NULL, &result, &error), &error));
    CHECK(succeeds(tokenreel_result_find(result, "tokens", &tokens, &error), &error));
    CHECK(tokens.dtype == TOKENREEL_F32 && tokens.rank == 2 && tokens.shape[0] == 40 && tokens.shape[1] == 80);
    CHECK(!strcmp(tokens.name, "tokens") && tokens.data && !tokens.strides);
    CHECK(strstr(tokenreel_result_description(result), "\"source\":\"a clip\""));
    CHECK(strstr(tokenreel_result_description(result), "\"codec\":\"h264\""));
    CHECK(fails(tokenreel_result_find(result, "nothing", &tokens, &error), TOKENREEL_INVALID_ARGUMENT, &error,
                "positions"));
    CHECK(!tokens.data && !tokens.name && !tokens.rank);

    int seen = 0;
    for (size_t i = 0; i < tokenreel_result_count(result); i++) {
        CHECK(succeeds(tokenreel_result_tensor(result, i, &stored, &error), &error));
        seen += !strcmp(stored.name, "plan.offsets") && stored.dtype == TOKENREEL_I64 && stored.shape[0] == 41;
        seen += !strcmp(stored.name, "owners") && stored.rank == 3 && stored.shape[0] == 12;
    }
    CHECK(seen == 2);
    CHECK(fails(tokenreel_result_tensor(result, 1000, &stored, &error), TOKENREEL_INVALID_ARGUMENT, &error, "1000"));

    CHECK(succeeds(tokenreel_result_write(result, path, "f32", &error), &error));
    CHECK(fails(tokenreel_result_write(result, path, "f7", &error), TOKENREEL_INVALID_ARGUMENT, &error, "bf16"));
    CHECK(fails(tokenreel_result_write(result, folder, NULL, &error), TOKENREEL_INVALID_ARGUMENT, &error, "older")
          || fails(tokenreel_result_write(result, folder, NULL, &error), TOKENREEL_INPUT_OUTPUT, &error, "irectory"));
    CHECK(succeeds(tokenreel_read_file(path, &again, &error), &error));
    CHECK(succeeds(tokenreel_result_find(result, "tokens", &tokens, &error), &error));
    CHECK(succeeds(tokenreel_result_find(again, "tokens", &stored, &error), &error));
    CHECK(stored.data != tokens.data && !memcmp(stored.data, tokens.data, 40 * 80 * sizeof(float)));
    CHECK(strstr(tokenreel_result_description(again), "\"report\":null"));
    CHECK(succeeds(tokenreel_result_find(again, "positions", &positions, &error), &error));
    CHECK(positions.dtype == TOKENREEL_I32 && positions.shape[1] == 3);
    /* The model is not needed any more. */
    tokenreel_model_free(model);
    CHECK(((const float *)tokens.data)[0] == ((const float *)stored.data)[0]);
    tokenreel_result_free(again);
    CHECK(fails(tokenreel_result_find(again, "tokens", &stored, &error), TOKENREEL_INVALID_ARGUMENT, &error, "freed"));
    CHECK(fails(tokenreel_reduce_file(model, clip, NULL, NULL, &again, &error), TOKENREEL_INVALID_ARGUMENT, &error,
                "model"));
    CHECK(!again);
    tokenreel_result_free(result);

    CHECK(succeeds(tokenreel_open(NULL, &model, &error), &error));
    CHECK(fails(tokenreel_reduce_file(model, missing, NULL, NULL, &result, &error), TOKENREEL_UNREADABLE_INPUT, &error,
                "no.mp4"));
    CHECK(fails(tokenreel_reduce_file(model, "http://127.0.0.1:1/a.mp4", NULL, NULL, &result, &error),
                TOKENREEL_UNREADABLE_INPUT, &error, "No such file"));
    CHECK(fails(tokenreel_reduce_file(model, clip, "{\"max_frames\": 2}", NULL, &result, &error),
                TOKENREEL_LIMIT_EXCEEDED, &error, "2"));
    CHECK(fails(tokenreel_reduce_file(model, clip, "{\"query\": \"a dog\"}", NULL, &result, &error),
                TOKENREEL_MISSING_SIGNAL, &error, "query_model"));
    CHECK(fails(tokenreel_open("{\"model\": \"/nowhere\"}", &model, &error), TOKENREEL_UNREADABLE_INPUT, &error,
                "/nowhere"));
    CHECK(!model);
}

static void options(void) {
    static const char *wrong[][2] = {
        {"", "JSON object"},
        {"[1]", "JSON object"},
        {"{\"keep\": 0.1", "JSON object"},
        {"{\"kept\": 1}", "kept"},
        {"{\"keep\": 2}", "keep"},
        {"{\"keep\": \"x\"}", "a number"},
        {"{\"tokens\": 0}", "1 or more"},
        {"{\"keep\": 0.1, \"tokens\": 4}", "only one"},
        {"{\"keep\": 0.1, \"keep\": 0.1}", "twice"},
        {"{\"method\": \"no\"}", "holitom"},
        {"{\"set\": {\"no\": 1}}", "no parameter"},
        {"{\"set\": 1}", "object"},
        {"{\"order\": \"up\"}", "prefix"},
        {"{\"grid\": [1]}", "[rows, columns]"},
        {"{\"grid\": [0, 1]}", "rows"},
        {"{\"space\": \"tower\"}", "without one"},
        {"{\"codebook\": -1}", "auto"},
        {"{\"threads\": 1e99}", "1 or more"},
        {"{\"as_published\": 1}", "true or false"},
        {"{\"max_seconds\": 0}", "above 0"},
        {"{\"quantize\": \"x\"}", "x"},
        {"\xff", "UTF-8"},
    };
    char *error = NULL;
    tokenreel_model *model = NULL;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        CHECK(fails(tokenreel_open(wrong[i][0], &model, &error), TOKENREEL_INVALID_ARGUMENT, &error, wrong[i][1]));
        CHECK(!model);
    }
    /* An option of a call takes the place of the model's. */
    tokenreel_result *result = NULL;
    tokenreel_tensor tokens, input = tensor_of("tokens", numbers, grid_shape, 4);
    CHECK(succeeds(
        tokenreel_open("{\"tokens\": 7, \"method\": \"holitom\", \"allow_substitute\": true, \"set\": {\"tau\": 0.5}}",
                       &model, &error),
        &error));
    static const struct {
        const char *options;
        int count;
    } counts[] = {
        {NULL, 7},
        {"{\"keep\": 0.25}", SOURCES / 4},
        {"{\"per_frame\": 2}", 2 * FRAMES},
        {"{\"tokens\": null}", 14},
        {"{\"method\": \"evs\"}", 7},
    };
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        CHECK(succeeds(tokenreel_reduce_tensors(model, &input, 1, counts[i].options, NULL, &result, &error), &error));
        CHECK(succeeds(tokenreel_result_find(result, "tokens", &tokens, &error), &error));
        snprintf(last, sizeof last, "%d tokens", (int)tokens.shape[0]);
        CHECK(tokens.shape[0] == counts[i].count);
        tokenreel_result_free(result);
    }
    CHECK(fails(tokenreel_reduce_tensors(model, &input, 1, "{\"model\": \"x\"}", NULL, &result, &error),
                TOKENREEL_INVALID_ARGUMENT, &error, "open one"));
    tokenreel_model_free(model);
}

/* The same numbers in any form give the same tokens. */
static void tensors(void) {
    char *error = NULL;
    tokenreel_model *model = NULL;
    tokenreel_result *plain = NULL, *other = NULL;
    tokenreel_tensor tokens, tokens2, weights, sources, input = tensor_of("tokens", numbers, grid_shape, 4);
    CHECK(succeeds(tokenreel_open("{\"tokens\": 20}", &model, &error), &error));
    CHECK(succeeds(tokenreel_reduce_tensors(model, &input, 1, NULL, NULL, &plain, &error), &error));
    CHECK(succeeds(tokenreel_result_find(plain, "tokens", &tokens, &error), &error));
    CHECK(tokens.shape[0] == 20 && tokens.shape[1] == CHANNELS);

    /* Row 0 of the plan, by hand. */
    tokenreel_tensor offsets;
    CHECK(succeeds(tokenreel_result_find(plain, "plan.offsets", &offsets, &error), &error));
    CHECK(succeeds(tokenreel_result_find(plain, "plan.sources", &sources, &error), &error));
    CHECK(succeeds(tokenreel_result_find(plain, "plan.weights", &weights, &error), &error));
    for (int channel = 0; channel < CHANNELS; channel++) {
        float sum = 0;
        for (int64_t entry = 0; entry < ((const int64_t *)offsets.data)[1]; entry++)
            sum += ((const float *)weights.data)[entry]
                   * numbers[((const int32_t *)sources.data)[entry] * CHANNELS + channel];
        CHECK(fabsf(sum - ((const float *)tokens.data)[channel]) < 1e-6f);
    }

    double wide[SOURCES * CHANNELS];
    float turned[SOURCES * CHANNELS], backwards[SOURCES * CHANNELS], spaced[SOURCES * CHANNELS * 2];
    for (int i = 0; i < SOURCES * CHANNELS; i++) {
        int token = i / CHANNELS, channel = i % CHANNELS;
        wide[i] = numbers[i];
        turned[channel * SOURCES + token] = numbers[i];
        backwards[SOURCES * CHANNELS - 1 - i] = numbers[i];
        spaced[2 * i] = numbers[i];
        spaced[2 * i + 1] = NAN;
    }
    char crooked[sizeof numbers + 1];
    memcpy(crooked + 1, numbers, sizeof numbers);
    const int64_t flat[3] = {FRAMES, SIDE * SIDE, CHANNELS};
    const int64_t across[4] = {SIDE * SIDE, SIDE, 1, SOURCES};
    const int64_t reversed[4] = {-SIDE * SIDE * CHANNELS, -SIDE * CHANNELS, -CHANNELS, -1};
    const int64_t twice[4] = {2 * SIDE * SIDE * CHANNELS, 2 * SIDE * CHANNELS, 2 * CHANNELS, 2};
    tokenreel_tensor forms[] = {
        {"tokens", wide, grid_shape, NULL, 4, TOKENREEL_F64},
        {"tokens", numbers, flat, NULL, 3, TOKENREEL_F32},
        {"tokens", turned, grid_shape, across, 4, TOKENREEL_F32},
        {"tokens", backwards + SOURCES * CHANNELS - 1, grid_shape, reversed, 4, TOKENREEL_F32},
        {"tokens", spaced, grid_shape, twice, 4, TOKENREEL_F32},
        {"tokens", crooked + 1, grid_shape, NULL, 4, TOKENREEL_F32},
    };
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        CHECK(succeeds(tokenreel_reduce_tensors(model, &forms[i], 1, NULL, NULL, &other, &error), &error));
        CHECK(succeeds(tokenreel_result_find(other, "tokens", &tokens2, &error), &error));
        snprintf(last, sizeof last, "form %d", (int)i);
        CHECK(!memcmp(tokens.data, tokens2.data, 20 * CHANNELS * sizeof(float)));
        tokenreel_result_free(other);
    }

    /* Frame times and a query go with the tokens. */
    double times[FRAMES] = {5, 6, 8, 9};
    const int64_t frames[1] = {FRAMES}, width[1] = {CHANNELS};
    tokenreel_tensor three[] = {
        input, {"frame_times", times, frames, NULL, 1, TOKENREEL_F64}, tensor_of("query", numbers, width, 1)};
    tokenreel_tensor relevance, seconds;
    CHECK(succeeds(tokenreel_reduce_tensors(model, three, 3, NULL, NULL, &other, &error), &error));
    CHECK(succeeds(tokenreel_result_find(other, "relevance", &relevance, &error), &error) && relevance.shape[0] == 20);
    CHECK(succeeds(tokenreel_result_find(other, "frame_times", &seconds, &error), &error));
    CHECK(!memcmp(seconds.data, times, sizeof times));
    tokenreel_result_free(other);

    /* What makes no sense. */
    const int64_t negative[4] = {FRAMES, -SIDE, SIDE, CHANNELS}, huge[4] = {1ll << 40, 1ll << 40, 1ll << 40, 1};
    const int64_t odd[3] = {FRAMES, 7, CHANNELS}, far_off[4] = {INT64_MAX, 1, INT64_MIN, 1},
                  none[4] = {0, SIDE, SIDE, CHANNELS};
    const int64_t empty_frame[4] = {1ll << 40, 0, 0, CHANNELS};
    struct {
        tokenreel_tensor tensor;
        const char *words;
    } wrong[] = {
        {{NULL, numbers, grid_shape, NULL, 4, TOKENREEL_F32}, "NULL"},
        {{"\xc3(", numbers, grid_shape, NULL, 4, TOKENREEL_F32}, "UTF-8"},
        {{"tokens", NULL, grid_shape, NULL, 4, TOKENREEL_F32}, "NULL"},
        {{"tokens", numbers, NULL, NULL, 4, TOKENREEL_F32}, "no shape"},
        {{"tokens", numbers, grid_shape, NULL, -1, TOKENREEL_F32}, "dimensions"},
        {{"tokens", numbers, grid_shape, NULL, 9, TOKENREEL_F32}, "dimensions"},
        {{"tokens", numbers, grid_shape, NULL, 4, 0}, "dtype"},
        {{"tokens", numbers, grid_shape, NULL, 4, INT32_MAX}, "dtype"},
        {{"tokens", numbers, grid_shape, NULL, 4, TOKENREEL_I32}, "F32"},
        {{"tokens", numbers, negative, NULL, 4, TOKENREEL_F32}, "shape"},
        {{"tokens", numbers, huge, NULL, 4, TOKENREEL_F32}, "shape"},
        {{"tokens", numbers, odd, NULL, 3, TOKENREEL_F32}, "square"},
        {{"tokens", numbers, grid_shape, NULL, 0, TOKENREEL_F32}, "shape"},
        {{"tokens", numbers, grid_shape, far_off, 4, TOKENREEL_F32}, "strides"},
        {{"saliency", numbers, grid_shape, NULL, 3, TOKENREEL_F32}, "tokens"},
        {{"tokens", NULL, empty_frame, NULL, 4, TOKENREEL_F32}, "frames"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        tokenreel_status status = tokenreel_reduce_tensors(model, &wrong[i].tensor, 1, NULL, NULL, &other, &error);
        CHECK(status != TOKENREEL_OK && fails(status, status, &error, wrong[i].words) && !other);
    }
    tokenreel_tensor both[] = {input, input};
    CHECK(fails(tokenreel_reduce_tensors(model, both, 2, NULL, NULL, &other, &error), TOKENREEL_INVALID_ARGUMENT,
                &error, "two"));
    CHECK(fails(tokenreel_reduce_tensors(model, NULL, 1, NULL, NULL, &other, &error), TOKENREEL_INVALID_ARGUMENT,
                &error, "NULL"));
    CHECK(fails(tokenreel_reduce_tensors(model, &input, (size_t)-1, NULL, NULL, &other, &error),
                TOKENREEL_INVALID_ARGUMENT, &error, "count"));
    CHECK(fails(tokenreel_reduce_tensors(model, NULL, 0, NULL, NULL, &other, &error), TOKENREEL_UNREADABLE_INPUT,
                &error, "tokens"));
    /* No frames make no tokens, and that is no error. */
    tokenreel_tensor nothing = tensor_of("tokens", NULL, none, 4);
    CHECK(succeeds(tokenreel_reduce_tensors(model, &nothing, 1, NULL, NULL, &other, &error), &error));
    CHECK(succeeds(tokenreel_result_find(other, "tokens", &tokens2, &error), &error) && tokens2.shape[0] == 0);
    tokenreel_result_free(other);
    tokenreel_result_free(plain);
    tokenreel_model_free(model);
}

static void hostile(void) {
    char *error = NULL;
    tokenreel_model *model = NULL;
    tokenreel_result *result = NULL;
    tokenreel_tensor tensor = tensor_of("tokens", numbers, grid_shape, 4), out;
    void *strange[] = {NULL, (void *)1, (void *)16, (void *)-1, &tensor, numbers};
    CHECK(succeeds(tokenreel_open(NULL, &model, &error), &error));
    for (size_t i = 0; i < sizeof strange / sizeof *strange; i++) {
        void *it = strange[i];
        if (it == (void *)model) continue;
        CHECK(fails(tokenreel_reduce_file(it, "a", NULL, NULL, &result, &error), TOKENREEL_INVALID_ARGUMENT, &error,
                    "model"));
        CHECK(fails(tokenreel_reduce_tensors(it, &tensor, 1, NULL, NULL, &result, &error), TOKENREEL_INVALID_ARGUMENT,
                    &error, "model"));
        CHECK(fails(tokenreel_result_find(it, "tokens", &out, &error), TOKENREEL_INVALID_ARGUMENT, &error, "result"));
        CHECK(fails(tokenreel_result_tensor(it, 0, &out, &error), TOKENREEL_INVALID_ARGUMENT, &error, "result"));
        CHECK(fails(tokenreel_result_write(it, "a", NULL, &error), TOKENREEL_INVALID_ARGUMENT, &error, "result"));
        CHECK(tokenreel_result_count(it) == 0 && !tokenreel_result_description(it));
        if (it)
            CHECK(fails(tokenreel_reduce_tensors(model, &tensor, 1, NULL, it, &result, &error),
                        TOKENREEL_INVALID_ARGUMENT, &error, "cancellation"));
        tokenreel_cancel(it);
        tokenreel_cancellation_free(it);
        tokenreel_result_free(it);
        if (it != (void *)16) tokenreel_model_free(it);
    }
    /* A handle of another kind. */
    CHECK(fails(tokenreel_result_find((tokenreel_result *)model, "tokens", &out, &error), TOKENREEL_INVALID_ARGUMENT,
                &error, "result"));
    tokenreel_result_free((tokenreel_result *)model);
    /* No place for what is made, for the error, or for either. */
    CHECK(fails(tokenreel_open(NULL, NULL, &error), TOKENREEL_INVALID_ARGUMENT, &error, "NULL"));
    CHECK(fails(tokenreel_reduce_tensors(model, &tensor, 1, NULL, NULL, NULL, &error), TOKENREEL_INVALID_ARGUMENT,
                &error, "NULL"));
    CHECK(fails(tokenreel_methods(NULL, &error), TOKENREEL_INVALID_ARGUMENT, &error, "NULL"));
    CHECK(fails(tokenreel_reduce_file(model, NULL, NULL, NULL, &result, &error), TOKENREEL_INVALID_ARGUMENT, &error,
                "NULL"));
    CHECK(fails(tokenreel_read_file("", &result, &error), TOKENREEL_UNREADABLE_INPUT, &error, "No such file"));
    CHECK(tokenreel_open(NULL, NULL, NULL) == TOKENREEL_INVALID_ARGUMENT);
    CHECK(tokenreel_reduce_tensors(NULL, NULL, 1, NULL, NULL, NULL, NULL) == TOKENREEL_INVALID_ARGUMENT);
    CHECK(tokenreel_reduce_tensors(model, &tensor, 1, NULL, NULL, &result, NULL) == TOKENREEL_OK);
    CHECK(fails(tokenreel_result_find(result, NULL, &out, &error), TOKENREEL_INVALID_ARGUMENT, &error, "NULL"));
    CHECK(fails(tokenreel_result_find(result, "tokens", NULL, &error), TOKENREEL_INVALID_ARGUMENT, &error, "NULL"));
    tokenreel_string_free(NULL);
    for (int twice = 0; twice < 2; twice++) {
        tokenreel_result_free(result);
        tokenreel_model_free(model);
    }
}

enum { WIDTH = 96, HEIGHT = 64, PICTURES = 40 };

/* A grey picture with a light square that jumps now and then. */
static void paint(uint8_t *pixels, int stride, int picture) {
    int left = 8 * (picture / 10), top = 4 * (picture / 10);
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < 3 * WIDTH; x++)
            pixels[y * stride + x] = x / 3 >= left && x / 3 < left + 24 && y >= top && y < top + 24
                                         ? 230
                                         : (uint8_t)(40 + picture / 20 * 90);
}

/* Pushes all pictures and adds up what comes back; every so often looks for segments in between. */
static double stream_of(tokenreel_model *model, int stride, int upside_down, int *tokens_of_all, int *segments) {
    static uint8_t pixels[HEIGHT * (3 * WIDTH + 7)], turned[sizeof pixels];
    char *error = NULL;
    tokenreel_stream *stream = NULL;
    tokenreel_result *result = NULL;
    tokenreel_tensor tokens, times;
    double sum = 0, last_time = -1;
    tokenreel_status status = TOKENREEL_OK;
    int done = 0;
    *tokens_of_all = *segments = 0;
    CHECK(succeeds(tokenreel_stream_open(model, "{\"keep\": 0.1, \"window\": 12}", &stream, &error), &error));
    while (status != TOKENREEL_END) {
        if (done < PICTURES) {
            paint(pixels, stride, done);
            for (int y = 0; upside_down && y < HEIGHT; y++)
                memcpy(turned + (HEIGHT - 1 - y) * stride, pixels + y * stride, (size_t)stride);
            const uint8_t *first = upside_down ? turned + (HEIGHT - 1) * stride : pixels;
            CHECK(succeeds(
                tokenreel_stream_push(stream, first, WIDTH, HEIGHT, upside_down ? -stride : stride, 0.5 * done, &error),
                &error));
            if (++done == PICTURES) CHECK(succeeds(tokenreel_stream_finish(stream, &error), &error));
            if (done % 8) continue;
        }
        status = tokenreel_stream_poll(stream, done < PICTURES ? 0 : -1, &result, &error);
        CHECK(!error && (status == TOKENREEL_OK || (status == TOKENREEL_END && !result)));
        if (!result) continue;
        CHECK(succeeds(tokenreel_result_find(result, "tokens", &tokens, &error), &error));
        CHECK(succeeds(tokenreel_result_find(result, "frame_times", &times, &error), &error));
        CHECK(strstr(tokenreel_result_description(result), "\"first_frame\":"));
        for (int64_t k = 0; k < tokens.shape[0] * tokens.shape[1]; k++)
            sum += (double)(k + 1) * ((const float *)tokens.data)[k];
        for (int64_t k = 0; k < times.shape[0]; k++) {
            CHECK(((const double *)times.data)[k] == last_time + (last_time < 0 ? 1 : 0.5));
            last_time = ((const double *)times.data)[k];
        }
        *tokens_of_all += (int)tokens.shape[0];
        ++*segments;
        tokenreel_result_free(result);
    }
    CHECK(last_time == 0.5 * (PICTURES - 1));
    CHECK(tokenreel_stream_poll(stream, 5, &result, &error) == TOKENREEL_END);
    CHECK(fails(tokenreel_stream_push(stream, pixels, WIDTH, HEIGHT, 0, 1000, &error), TOKENREEL_INVALID_ARGUMENT,
                &error, "after the last"));
    tokenreel_stream_free(stream);
    CHECK(fails(tokenreel_stream_poll(stream, 5, &result, &error), TOKENREEL_INVALID_ARGUMENT, &error, "stream"));
    return sum;
}

static void *wait_for_ever(void *stream) {
    tokenreel_result *result = NULL;
    tokenreel_status status = tokenreel_stream_poll(stream, -1, &result, NULL);
    return status == TOKENREEL_CANCELLED || status == TOKENREEL_INVALID_ARGUMENT ? stream : NULL;
}

static void streams(void) {
    char *error = NULL;
    tokenreel_model *model = NULL;
    tokenreel_stream *stream = NULL;
    tokenreel_result *result = NULL;
    int tokens, segments, tokens2, segments2;
    CHECK(succeeds(tokenreel_open("{\"grid\": [6, 8], \"threads\": 1}", &model, &error), &error));
    double sum = stream_of(model, 3 * WIDTH, 0, &tokens, &segments);
    snprintf(last, sizeof last, "%d tokens in %d segments", tokens, segments);
    CHECK(segments >= 4 && tokens == PICTURES * 6 * 8 / 10);
    CHECK(stream_of(model, 3 * WIDTH + 7, 1, &tokens2, &segments2) == sum && tokens2 == tokens
          && segments2 == segments);

    static uint8_t pixels[HEIGHT * 3 * WIDTH];
    CHECK(fails(tokenreel_stream_open(model, "{\"tokens\": 5}", &stream, &error), TOKENREEL_INVALID_ARGUMENT, &error,
                "stream"));
    CHECK(fails(tokenreel_stream_open(model, "{\"window\": 0}", &stream, &error), TOKENREEL_INVALID_ARGUMENT, &error,
                "window"));
    CHECK(!stream && succeeds(tokenreel_stream_open(model, NULL, &stream, &error), &error));
    struct {
        const uint8_t *pixels;
        int width, height;
        int64_t stride;
        double seconds;
        const char *words;
    } wrong[] = {
        {NULL, WIDTH, HEIGHT, 0, 0, "NULL"},
        {pixels, 0, HEIGHT, 0, 0, "sides"},
        {pixels, WIDTH, -1, 0, 0, "sides"},
        {pixels, INT32_MAX, INT32_MAX, 0, 0, "sides"},
        {pixels, WIDTH, HEIGHT, 3 * WIDTH - 1, 0, "rows"},
        {pixels, WIDTH, HEIGHT, INT64_MIN, 0, "rows"},
        {pixels, WIDTH, HEIGHT, 0, NAN, "nan"},
        {pixels, WIDTH, HEIGHT, 0, INFINITY, "inf"},
        {pixels, WIDTH, HEIGHT, 0, -1e300, "within"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        CHECK(fails(tokenreel_stream_push(stream, wrong[i].pixels, wrong[i].width, wrong[i].height, wrong[i].stride,
                                          wrong[i].seconds, &error),
                    TOKENREEL_INVALID_ARGUMENT, &error, wrong[i].words));
    CHECK(succeeds(tokenreel_stream_push(stream, pixels, WIDTH, HEIGHT, 0, 7, &error), &error));
    CHECK(fails(tokenreel_stream_push(stream, pixels, WIDTH, HEIGHT, 0, 7, &error), TOKENREEL_INVALID_ARGUMENT, &error,
                "later"));
    CHECK(tokenreel_stream_poll(stream, 0, &result, &error) == TOKENREEL_OK && !result && !error);
    CHECK(fails(tokenreel_stream_poll(stream, 0, NULL, &error), TOKENREEL_INVALID_ARGUMENT, &error, "NULL"));
    CHECK(
        fails(tokenreel_stream_poll((void *)model, 0, &result, &error), TOKENREEL_INVALID_ARGUMENT, &error, "stream"));
    CHECK(fails(tokenreel_stream_finish((void *)model, &error), TOKENREEL_INVALID_ARGUMENT, &error, "stream"));
    /* Whoever waits is let go when the stream is freed. */
    pthread_t waiting;
    void *done = NULL;
    CHECK(!pthread_create(&waiting, NULL, wait_for_ever, stream));
    tokenreel_stream_free(stream);
    CHECK(!pthread_join(waiting, &done) && done);
    /* A stream needs no frames. */
    CHECK(succeeds(tokenreel_stream_open(model, NULL, &stream, &error), &error));
    CHECK(succeeds(tokenreel_stream_finish(stream, &error), &error)
          && succeeds(tokenreel_stream_finish(stream, &error), &error));
    CHECK(tokenreel_stream_poll(stream, -1, &result, &error) == TOKENREEL_END && !result && !error);
    tokenreel_stream_free(stream);
    tokenreel_stream_free(NULL);
    tokenreel_model_free(model);
}

static tokenreel_model *shared;

static void *reduce_often(void *hashes) {
    tokenreel_tensor input = tensor_of("tokens", numbers, grid_shape, 4), tokens;
    for (int i = 0; i < 20; i++) {
        tokenreel_result *result = NULL;
        if (tokenreel_reduce_tensors(shared, &input, 1, NULL, NULL, &result, NULL)
            || tokenreel_result_find(result, "tokens", &tokens, NULL))
            return NULL;
        double sum = 0;
        for (int64_t k = 0; k < tokens.shape[0] * tokens.shape[1]; k++)
            sum += (double)(k + 1) * ((const float *)tokens.data)[k];
        *(double *)hashes = i && *(double *)hashes != sum ? NAN : sum;
        tokenreel_result_free(result);
    }
    return hashes;
}

/* Work is stopped before it starts: nothing here depends on who is faster. */
static void stopping(const char *clip) {
    char *error = NULL;
    tokenreel_result *result = NULL;
    tokenreel_tensor input = tensor_of("tokens", numbers, grid_shape, 4);
    tokenreel_cancellation *cancellation = tokenreel_cancellation_new();
    CHECK(cancellation
          && succeeds(tokenreel_reduce_tensors(shared, &input, 1, NULL, cancellation, &result, &error), &error));
    tokenreel_result_free(result);
    tokenreel_cancel(cancellation);
    CHECK(fails(tokenreel_reduce_tensors(shared, &input, 1, NULL, cancellation, &result, &error), TOKENREEL_CANCELLED,
                &error, "cancelled"));
    CHECK(fails(tokenreel_reduce_file(shared, clip, NULL, cancellation, &result, &error), TOKENREEL_CANCELLED, &error,
                "cancelled"));
    tokenreel_cancellation_free(cancellation);
    CHECK(fails(tokenreel_reduce_tensors(shared, &input, 1, NULL, cancellation, &result, &error),
                TOKENREEL_INVALID_ARGUMENT, &error, "cancellation"));
}

int main(int count, char **arguments) {
    if (count != 3) return 2;
    fill();
    CHECK(tokenreel_abi() == TOKENREEL_ABI && strchr(tokenreel_version(), '.'));
    char *error = NULL, *methods = NULL;
    CHECK(succeeds(tokenreel_methods(&methods, &error), &error) && methods[0] == '[' && strstr(methods, "\"holitom\""));
    tokenreel_string_free(methods);
    files(arguments[1], arguments[2]);
    options();
    tensors();
    hostile();
    streams();

    CHECK(succeeds(tokenreel_open("{\"tokens\": 20}", &shared, &error), &error));
    pthread_t threads[4];
    double hashes[4] = {0};
    for (int i = 0; i < 4; i++) CHECK(!pthread_create(&threads[i], NULL, reduce_often, &hashes[i]));
    for (int i = 0; i < 4; i++) {
        void *done = NULL;
        CHECK(!pthread_join(threads[i], &done) && done && hashes[i] == hashes[0] && !isnan(hashes[i]));
    }
    stopping(arguments[1]);
    puts("all as the header says");
    return 0;
}
