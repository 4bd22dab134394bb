#ifndef C_CONFINEMENT_H
#define C_CONFINEMENT_H

#include <sys/types.h>

// What Swift can't call: functions that take a variable number of arguments, or that only GNU's headers show.

/// Makes a pipe whose ends no program started later inherits; 0, or an error number.
int cconf_pipe(int ends[2]);

/// Makes a pair of connected sockets that no program started later inherits; 0, or an error number.
int cconf_sockets(int ends[2]);

/// Starts a program in a process group of its own, with `socket` as its standard input, its other standard streams going
/// nowhere and nothing else open; 0, or an error number.
int cconf_spawn(char *const arguments[], char *const environment[], int socket, pid_t *process);

/// Makes a copy of this process, which must have one thread: its number, 0 in the copy, or -1.
pid_t cconf_fork(void);

/// Sends bytes, and two descriptors with the first of them; 0, or an error number.
int cconf_send(int socket, const void *bytes, size_t count, const int descriptors[2]);

/// Receives bytes, and two descriptors if they come with the first of them, else -1; the number of bytes, less than
/// `count` at the end.
size_t cconf_receive(int socket, void *bytes, size_t count, int descriptors[2]);

/// From now on this process opens no file, no socket and starts no program or process; threads, memory, and reading and
/// writing what is open go on. 0, or an error number where the system has no such thing.
int cconf_seal(void);

#endif
