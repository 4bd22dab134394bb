/* Reduces a video from C, and prints where the first tokens come from.
 *
 *     scripts/build-wheel
 *     cc -I dist Samples/reduce.c dist/libtokenreel.so -Wl,-rpath,$PWD/dist -o reduce
 *     ./reduce Samples/clip.mp4 clip.safetensors
 */
#include <stdint.h>
#include <stdio.h>

#include "tokenreel.h"

int main(int count, char **arguments) {
    if (count != 3) return 64;
    tokenreel_model *model = NULL;
    tokenreel_result *result = NULL;
    tokenreel_tensor positions;
    char *error = NULL;
    /* Each call leaves the next alone once one has failed, and errors say all there is to say. */
    tokenreel_status status = tokenreel_open("{\"keep\": 0.1}", &model, &error);
    if (!status) status = tokenreel_reduce_file(model, arguments[1], "{\"fps\": 2}", NULL, &result, &error);
    if (!status) status = tokenreel_result_write(result, arguments[2], "f16", &error);
    if (!status) status = tokenreel_result_find(result, "positions", &positions, &error);
    if (!status) {
        const int32_t *place = positions.data;
        printf("%lld tokens\n", (long long)positions.shape[0]);
        for (int64_t token = 0; token < positions.shape[0] && token < 3; token++, place += 3)
            printf("frame %d, row %d, column %d\n", place[0], place[1], place[2]);
    } else {
        fprintf(stderr, "%s\n", error);
    }
    tokenreel_string_free(error);
    tokenreel_result_free(result);
    tokenreel_model_free(model);
    return status ? 1 : 0;
}
