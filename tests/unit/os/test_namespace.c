/* A network of a process' own: what is in it, and who is not. */
#include "../check.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/fd.h"
#include "os/namespace.h"

static struct sockaddr_in loopback(uint16_t port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static int listener(uint16_t *port)
{
    struct sockaddr_in address = loopback(*port);
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) < 0 || listen(fd, 1) < 0)
        return -1;
    (void)getsockname(fd, (struct sockaddr *)&address, &size);
    *port = ntohs(address.sin_port);
    return fd;
}

static int reaches(uint16_t port)
{
    struct sockaddr_in address = loopback(port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int status = connect(fd, (struct sockaddr *)&address, sizeof address) < 0 ? errno : 0;
    (void)close(fd);
    return status;
}

/* In a process that enters: what `look` finds, 99 where it could not enter. */
static int inside(const struct namespaces *namespaces, int (*look)(uint16_t), uint16_t port)
{
    int status = 0;
    pid_t pid = fork();
    if (pid == 0)
        _exit(namespaces_enter(namespaces, NULL) < 0 ? 99 : look(port));
    assert_int_equal(process_wait(pid, &status, NULL), 0);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* Its own loopback, at any port; no way back out, and nothing more to change. */
static int has_a_loopback(uint16_t port)
{
    uint16_t own = 0;
    uint16_t low = 80;
    int any = listener(&own);
    struct stat about;
    if (any < 0 || reaches(own) != 0)
        return 1;
    if (stat("/proc/sys/net/ipv4", &about) == 0 && access("/proc/sys/net/ipv4", W_OK) == 0 &&
        listener(&low) < 0)
        return 2;
    if (reaches(port) != ECONNREFUSED)
        return 3;
    return socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP) < 0 ? 0 : 4;
}

static void has_a_loopback_of_its_own_and_nothing_else(void **state)
{
    (void)state;
    struct error err = {0};
    struct namespaces namespaces;
    uint16_t port = 0;
    FD_AUTO outside = listener(&port);
    assert_true(outside >= 0);
    if (namespaces_make(NULL, &namespaces, &err) < 0)
        check_skip("%s", err.text);
    assert_int_equal(inside(&namespaces, has_a_loopback, port), 0);
    namespaces_close(&namespaces);
    assert_int_equal(namespaces.user, -1);
    assert_int_equal(namespaces.network, -1);
}

static int answers_zero(uint16_t port)
{
    (void)port;
    return 0;
}

static void nobody_enters_what_are_no_namespaces(void **state)
{
    (void)state;
    struct error err = {0};
    FD_AUTO null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    const struct namespaces wrong = {null, null};
    assert_int_equal(inside(&wrong, answers_zero, 0), 99);
    assert_int_equal(inside(&NAMESPACES_NONE, answers_zero, 0), 99);
    check_error(namespaces_enter(&wrong, &err), &err, ERROR_SYSTEM);
}

static void only_their_owner_enters(void **state)
{
    (void)state;
    struct error err = {0};
    const struct process_user owner = {1879048199, 1879048199};
    struct namespaces namespaces;
    if (geteuid() != 0 || !process_can_become(&owner) ||
        namespaces_make(&owner, &namespaces, &err) < 0)
        check_skip("no user and namespaces of its own to be had");
    int status = 0;
    for (int is_owner = 0; is_owner < 2; is_owner++) {
        const uid_t uid = is_owner ? owner.uid : owner.uid + 1;
        pid_t pid = fork();
        if (pid == 0)
            _exit(setresuid(uid, uid, uid) < 0              ? 98
                  : namespaces_enter(&namespaces, NULL) < 0 ? 99
                                                            : 0);
        assert_int_equal(process_wait(pid, &status, NULL), 0);
        assert_int_equal(WEXITSTATUS(status), is_owner ? 0 : 99);
    }
    namespaces_close(&namespaces);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(has_a_loopback_of_its_own_and_nothing_else),
        cmocka_unit_test(nobody_enters_what_are_no_namespaces),
        cmocka_unit_test(only_their_owner_enters),
    };
    return cmocka_run_group_tests_name("namespace", tests, NULL, NULL);
}
