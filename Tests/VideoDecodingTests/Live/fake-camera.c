// A camera for tests on machines without one, to be preloaded: /dev/video99 delivers a grey 64 x 48 picture 25 times a
// second, each lighter than the one before. While the file that TOKENREEL_UNPLUGGED names exists, the device is gone.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/videodev2.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { WIDTH = 64, HEIGHT = 48, SIZE = WIDTH * HEIGHT * 2, SPACE = 8192, BUFFERS = 4 };

static int camera = -1, queued[BUFFERS], count;
static unsigned char *pictures[BUFFERS];
static unsigned sequence;
static double due;

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec * 1e-9;
}

static int is_gone(void) {
    const char *path = getenv("TOKENREEL_UNPLUGGED");
    int (*real)(const char *, int) = dlsym(RTLD_NEXT, "access");
    return path && real(path, F_OK) == 0;
}

static int is_camera(const char *path) { return path && !strcmp(path, "/dev/video99"); }

int access(const char *path, int mode) {
    int (*real)(const char *, int) = dlsym(RTLD_NEXT, "access");
    if (!is_camera(path)) return real(path, mode);
    if (!is_gone()) return 0;
    errno = ENOENT;
    return -1;
}

static int open_camera(void) {
    if (is_gone()) {
        errno = ENODEV;
        return -1;
    }
    camera = memfd_create("camera", 0);
    if (ftruncate(camera, SPACE * BUFFERS)) return -1;
    count = 0;
    return camera;
}

#define OPEN(name)                                                        \
    int name(const char *path, int flags, ...) {                          \
        va_list rest;                                                     \
        va_start(rest, flags);                                            \
        int mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, int) : 0; \
        va_end(rest);                                                     \
        int (*real)(const char *, int, ...) = dlsym(RTLD_NEXT, #name);    \
        return is_camera(path) ? open_camera() : real(path, flags, mode); \
    }
OPEN(open)
OPEN(open64)

static void describe(struct v4l2_format *format) {
    format->fmt.pix = (struct v4l2_pix_format){
        .width = WIDTH, .height = HEIGHT, .pixelformat = V4L2_PIX_FMT_YUYV, .field = V4L2_FIELD_NONE,
        .bytesperline = WIDTH * 2, .sizeimage = SIZE, .colorspace = V4L2_COLORSPACE_SRGB};
}

/// Fills the next buffer that the reader gave back, once its time has come.
static int deliver(struct v4l2_buffer *buffer) {
    int index = sequence % count;
    if (now() < due || !queued[index]) {
        errno = EAGAIN;
        return -1;
    }
    queued[index] = 0;
    for (int byte = 0; byte < SIZE; byte++) pictures[index][byte] = byte & 1 ? 128 : 16 + sequence % 200;
    buffer->index = index;
    buffer->bytesused = SIZE;
    buffer->flags = V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC;
    buffer->timestamp = (struct timeval){(long)due, (long)((due - (long)due) * 1e6)};
    buffer->sequence = sequence++;
    due += 0.04;
    return 0;
}

static int answer(unsigned long request, void *argument) {
    if (is_gone()) {
        errno = ENODEV;
        return -1;
    }
    switch (request) {
    case VIDIOC_QUERYCAP: {
        struct v4l2_capability *capability = argument;
        memset(capability, 0, sizeof *capability);
        capability->capabilities = V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_STREAMING;
        return 0;
    }
    case VIDIOC_ENUM_FMT: {
        struct v4l2_fmtdesc *format = argument;
        if (format->index > 0) break;
        format->pixelformat = V4L2_PIX_FMT_YUYV;
        return 0;
    }
    case VIDIOC_G_FMT:
    case VIDIOC_S_FMT: describe(argument); return 0;
    case VIDIOC_G_PARM:
    case VIDIOC_S_PARM: {
        struct v4l2_streamparm *parameters = argument;
        parameters->parm.capture.capability = V4L2_CAP_TIMEPERFRAME;
        parameters->parm.capture.timeperframe = (struct v4l2_fract){1, 25};
        return 0;
    }
    case VIDIOC_G_INPUT: *(int *)argument = 0; return 0;
    case VIDIOC_S_INPUT: return 0;
    case VIDIOC_ENUMINPUT: return ((struct v4l2_input *)argument)->index == 0 ? 0 : -1;
    case VIDIOC_REQBUFS: {
        struct v4l2_requestbuffers *wanted = argument;
        if (wanted->count > BUFFERS) wanted->count = BUFFERS;
        count = wanted->count;
        return 0;
    }
    case VIDIOC_QUERYBUF: {
        struct v4l2_buffer *buffer = argument;
        buffer->length = SIZE;
        buffer->m.offset = buffer->index * SPACE;
        return 0;
    }
    case VIDIOC_QBUF: queued[((struct v4l2_buffer *)argument)->index] = 1; return 0;
    case VIDIOC_DQBUF: return deliver(argument);
    case VIDIOC_STREAMON:
        sequence = 0;
        due = now();
        return 0;
    case VIDIOC_STREAMOFF: return 0;
    }
    errno = EINVAL;
    return -1;
}

int ioctl(int file, unsigned long request, ...) {
    va_list rest;
    va_start(rest, request);
    void *argument = va_arg(rest, void *);
    va_end(rest);
    int (*real)(int, unsigned long, ...) = dlsym(RTLD_NEXT, "ioctl");
    return file >= 0 && file == camera ? answer(request, argument) : real(file, request, argument);
}

#define MAP(name, offset_type)                                                                            \
    void *name(void *place, size_t size, int protection, int flags, int file, offset_type offset) {       \
        void *(*real)(void *, size_t, int, int, int, offset_type) = dlsym(RTLD_NEXT, #name);              \
        void *memory = real(place, size, protection, flags, file, offset);                                \
        if (file >= 0 && file == camera && offset / SPACE < BUFFERS) pictures[offset / SPACE] = memory;   \
        return memory;                                                                                    \
    }
MAP(mmap, off_t)
MAP(mmap64, off64_t)

int close(int file) {
    int (*real)(int) = dlsym(RTLD_NEXT, "close");
    if (file >= 0 && file == camera) camera = -1;
    return real(file);
}
