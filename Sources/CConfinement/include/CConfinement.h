#ifndef C_CONFINEMENT_H
#define C_CONFINEMENT_H

#include <sys/types.h>

// What Swift can't call: functions that take a variable number of arguments, or that only GNU's headers show.

/// Makes a pipe whose ends no program started later inherits; 0, or an error number.
int cconf_pipe(int ends[2]);

/// Starts a program in a process group of its own, with `input` and `output` as its standard input and output, standard
/// error going nowhere and nothing else open; 0, or an error number.
int cconf_spawn(char *const arguments[], char *const environment[], int input, int output, pid_t *process);

/// From now on this process opens no file, no socket and starts no program or process; threads, memory, and reading and
/// writing what is open go on. 0, or an error number where the system has no such thing.
int cconf_seal(void);

#endif
