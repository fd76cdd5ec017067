/* Names of processes, as others see them (PR_SET_NAME): each line says what was seen. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hello.h"

#define NOT_OURS ((char *)8) /* no memory of anybody's */

static int told[2], go_on[2];

/* By the first line of a file of its own, as far as it is the name. */
static void say(pid_t pid)
{
    static const char *const files[] = {"comm", "status", "stat"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char path[64], line[256] = "";
        int begin = 0, end = 0;
        (void)snprintf(path, sizeof path, "/proc/%d/%s", pid, files[i]);
        FILE *file = fopen(path, "r");
        if (file && fgets(line, sizeof line, file))
            begin = i == 2 ? (int)strcspn(line, "(") : 0;
        end = i == 2 ? (int)strcspn(line, ")") : (int)strcspn(line, "\n");
        printf("%s %.*s\n", files[i], end - begin, line + begin);
        if (file)
            (void)fclose(file);
    }
}

/* The other one looks, and lets it go on. */
static int shows(void)
{
    char byte;
    return write(told[1], "!", 1) == 1 && read(go_on[0], &byte, 1) == 1;
}

static void *names_itself(void *unused)
{
    (void)prctl(PR_SET_NAME, "a thread");
    return unused;
}

static int works(int unused)
{
    pthread_t thread;
    (void)unused;
    NEED(shows()); /* its parent's name */
    NEED(prctl(PR_SET_NAME, "a longer name than there is room") == 0 && shows());
    REFUSED(prctl(PR_SET_NAME, NOT_OURS), EFAULT);
    NEED(pthread_create(&thread, NULL, names_itself, NULL) == 0);
    NEED(pthread_join(thread, NULL) == 0 && shows()); /* that was not the process' own */
    return 0;
}

static int look(void)
{
    pid_t pid = hello_fork(works, 0);
    for (int i = 0; i < 3; i++) {
        char byte;
        NEED(read(told[0], &byte, 1) == 1);
        say(pid);
        NEED(write(go_on[1], "!", 1) == 1);
    }
    return hello_end(pid);
}

/* Who is another process for a while has a name of its own. */
static int borrows(void)
{
    char name[16];
    pid_t pid = vfork(); /* NOLINT: that is what it is about */
    if (pid == 0) {
        (void)prctl(PR_SET_NAME, "for a while"); /* NOLINT: it changes nothing of the parent's */
        _exit(0);
    }
    NEED(pid > 0 && hello_end(pid) == 0);
    NEED(prctl(PR_GET_NAME, name) == 0 && strcmp(name, "a parent") == 0);
    return 0;
}

int hello_names(void)
{
    NEED(pipe(told) == 0 && pipe(go_on) == 0);
    NEED(prctl(PR_SET_NAME, "a parent") == 0);
    int result = look();
    printf("named: %d\n", result);
    return result == 0 ? borrows() : result;
}
