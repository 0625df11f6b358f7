/* The generator's ceiling: the cheapest thing that can answer it. A server whose figure comes near
 * this one is not what was measured; the generator was.
 *
 * One thread, epoll, no protocol: it counts bytes and answers with fixed strings, without parsing,
 * unmasking or checking anything.
 *
 * usage: ceiling PORT FRAME_BYTES REPLY_FILE   (a client frame's length; the frame to answer)
 */
#define _GNU_SOURCE
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MAX_FDS = 65536, EVENTS = 256, BACKLOG = 4096, READ_BYTES = 256 * 1024 };

/* The answer to the example key of RFC 6455 section 1.3, which the generator always uses. */
static const char UPGRADED[] =
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";
/* The fixed reply is a compressed one if the clients of the load offer compression. */
static const char DEFLATE[] = "permessage-deflate";
static const char AGREED[] = "Sec-WebSocket-Extensions: permessage-deflate\r\n";
static const char END[] = "\r\n";
static const char CLOSED[] = {(char)0x88, 2, 3, (char)0xe8};

static char input[READ_BYTES];
static size_t pending[MAX_FDS]; /* bytes since the last whole frame, by socket */
static size_t frame_bytes, reply_bytes;
static char *replies; /* as many as one read can ask for, so that they are one send */

static void check(int ok, const char *what)
{
    if (!ok) {
        perror(what);
        exit(1);
    }
}

static void load_replies(const char *path)
{
    size_t most = READ_BYTES / frame_bytes + 1;
    FILE *file = fopen(path, "rb");
    check(file != NULL, path);
    fseek(file, 0, SEEK_END);
    reply_bytes = ftell(file);
    replies = malloc(reply_bytes * most);
    check(replies != NULL, "malloc");
    for (size_t i = 0; i < most; i++) {
        rewind(file);
        check(fread(replies + i * reply_bytes, 1, reply_bytes, file) == reply_bytes, "fread");
    }
    fclose(file);
}

static int listen_at(int port)
{
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    check(fd >= 0, "socket");
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    check(bind(fd, (struct sockaddr *)&address, sizeof address) == 0, "bind");
    check(listen(fd, BACKLOG) == 0, "listen");
    return fd;
}

static void watch(int poller, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    check(epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event) == 0, "epoll_ctl");
}

static void accept_all(int poller, int listener)
{
    int fd, one = 1;
    while ((fd = accept(listener, NULL, NULL)) >= 0) {
        check(fd < MAX_FDS, "too many connections");
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        pending[fd] = 0;
        watch(poller, fd);
    }
}

static void upgrade(int fd, size_t request_bytes)
{
    int offered = memmem(input, request_bytes, DEFLATE, sizeof DEFLATE - 1) != NULL;
    send(fd, UPGRADED, sizeof UPGRADED - 1, MSG_NOSIGNAL | MSG_MORE);
    if (offered)
        send(fd, AGREED, sizeof AGREED - 1, MSG_NOSIGNAL | MSG_MORE);
    send(fd, END, sizeof END - 1, MSG_NOSIGNAL);
}

/* A blocking send cannot hang here: the generator always reads, whatever it has to send. */
static void answer(int fd)
{
    ssize_t got = recv(fd, input, sizeof input, 0);
    int at_start = pending[fd] == 0;
    if (got <= 0) {
        close(fd);
    } else if (at_start && input[0] == 'G') {
        upgrade(fd, got);
    } else if (at_start && input[0] == CLOSED[0]) {
        send(fd, CLOSED, sizeof CLOSED, MSG_NOSIGNAL);
        close(fd);
    } else {
        size_t whole = (pending[fd] + got) / frame_bytes;
        pending[fd] = (pending[fd] + got) % frame_bytes;
        if (whole > 0)
            send(fd, replies, whole * reply_bytes, MSG_NOSIGNAL);
    }
}

int main(int count, char **arguments)
{
    struct epoll_event events[EVENTS];
    int listener, poller = epoll_create1(0);
    check(count == 4 && poller >= 0, "usage: ceiling PORT FRAME_BYTES REPLY_FILE");
    frame_bytes = strtoul(arguments[2], NULL, 10);
    load_replies(arguments[3]);
    listener = listen_at(atoi(arguments[1]));
    watch(poller, listener);
    for (;;) {
        int ready = epoll_wait(poller, events, EVENTS, -1);
        for (int i = 0; i < ready; i++) {
            if (events[i].data.fd == listener)
                accept_all(poller, listener);
            else
                answer(events[i].data.fd);
        }
    }
}
