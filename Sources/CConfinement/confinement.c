#define _GNU_SOURCE
#include "CConfinement.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int closing_on_exec(int ends[2]) {
    for (int end = 0; end < 2; end++) fcntl(ends[end], F_SETFD, FD_CLOEXEC);
    return 0;
}

int cconf_pipe(int ends[2]) {
#if defined(__linux__)
    return pipe2(ends, O_CLOEXEC) == 0 ? 0 : errno;
#else
    return pipe(ends) == 0 ? closing_on_exec(ends) : errno;
#endif
}

int cconf_sockets(int ends[2]) {
    return socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0 ? closing_on_exec(ends) : errno;
}

int cconf_spawn(char *const arguments[], char *const environment[], int socket, pid_t *process) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_adddup2(&actions, socket, STDIN_FILENO);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    // Ctrl-C at a terminal shall reach the one who started this alone, who then decides.
    short flags = POSIX_SPAWN_SETPGROUP;
#if defined(__APPLE__)
    flags |= POSIX_SPAWN_CLOEXEC_DEFAULT;
#elif defined(__GLIBC__)
    posix_spawn_file_actions_addclosefrom_np(&actions, 3);
#endif
    posix_spawnattr_setflags(&attributes, flags);
    int failure = posix_spawn(process, arguments[0], &actions, &attributes, arguments, environment);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return failure;
}

pid_t cconf_fork(void) { return fork(); }

// Room for two descriptors beside the bytes, aligned as the system wants it.
typedef union {
    struct cmsghdr head;
    char room[CMSG_SPACE(2 * sizeof(int))];
} descriptor_room;

int cconf_send(int socket, const void *bytes, size_t count, const int descriptors[2]) {
    descriptor_room room;
    memset(&room, 0, sizeof room);
    struct iovec piece = {.iov_base = (void *)bytes, .iov_len = count};
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
    if (descriptors) {
        message.msg_control = &room;
        message.msg_controllen = sizeof room;
        struct cmsghdr *head = CMSG_FIRSTHDR(&message);
        head->cmsg_level = SOL_SOCKET;
        head->cmsg_type = SCM_RIGHTS;
        head->cmsg_len = CMSG_LEN(2 * sizeof(int));
        memcpy(CMSG_DATA(head), descriptors, 2 * sizeof(int));
    }
    while (piece.iov_len > 0) {
        ssize_t sent = sendmsg(socket, &message, MSG_NOSIGNAL);
        if (sent < 0 && errno != EINTR) return errno;
        if (sent <= 0) continue;
        piece.iov_base = (char *)piece.iov_base + sent;
        piece.iov_len -= sent;
        message.msg_control = NULL;
        message.msg_controllen = 0;
    }
    return 0;
}

size_t cconf_receive(int socket, void *bytes, size_t count, int descriptors[2]) {
    descriptors[0] = descriptors[1] = -1;
    size_t done = 0;
    while (done < count) {
        descriptor_room room;
        struct iovec piece = {.iov_base = (char *)bytes + done, .iov_len = count - done};
        struct msghdr message = {
            .msg_iov = &piece, .msg_iovlen = 1, .msg_control = &room, .msg_controllen = sizeof room};
        ssize_t received = recvmsg(socket, &message, 0);
        if (received < 0 && errno == EINTR) continue;
        if (received <= 0) break;
        struct cmsghdr *head = CMSG_FIRSTHDR(&message);
        if (head && head->cmsg_type == SCM_RIGHTS && head->cmsg_len == CMSG_LEN(2 * sizeof(int)))
            memcpy(descriptors, CMSG_DATA(head), 2 * sizeof(int));
        done += received;
    }
    return done;
}

#if defined(__linux__) && (defined(__x86_64__) || defined(__aarch64__))
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#else
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#endif

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define GIVE(result) BPF_STMT(BPF_RET | BPF_K, (result))
#define REFUSE(call) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##call, 0, 1), GIVE(SECCOMP_RET_ERRNO | EPERM)

int cconf_seal(void) {
    struct sock_filter filter[] = {
        // Calls of another architecture have other numbers, and those of x32 lie above all others.
        LOAD(arch), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 1, 0), GIVE(SECCOMP_RET_KILL_PROCESS),
        LOAD(nr), BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000, 0, 1), GIVE(SECCOMP_RET_KILL_PROCESS),
#if defined(__x86_64__)
        REFUSE(open), REFUSE(creat), REFUSE(fork), REFUSE(vfork),
#endif
        REFUSE(openat), REFUSE(openat2), REFUSE(execve), REFUSE(execveat), REFUSE(socket), REFUSE(socketpair),
        REFUSE(connect), REFUSE(bind), REFUSE(listen), REFUSE(accept), REFUSE(accept4), REFUSE(sendto),
        REFUSE(sendmsg), REFUSE(ptrace), REFUSE(process_vm_readv), REFUSE(process_vm_writev), REFUSE(kill),
        REFUSE(unlinkat), REFUSE(renameat2), REFUSE(mount), REFUSE(unshare), REFUSE(setns), REFUSE(bpf),
        REFUSE(io_uring_setup), REFUSE(userfaultfd), REFUSE(perf_event_open), REFUSE(keyctl),
        // Its arguments lie in memory, where a filter can't see them; libraries then use the older call.
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone3, 0, 1), GIVE(SECCOMP_RET_ERRNO | ENOSYS),
        // Threads, but no processes.
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 3), LOAD(args[0]),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, CLONE_THREAD, 1, 0), GIVE(SECCOMP_RET_ERRNO | EPERM),
        GIVE(SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = sizeof filter / sizeof *filter, .filter = filter};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return errno;
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0 ? 0 : errno;
}
#else
int cconf_seal(void) { return ENOSYS; }
#endif
