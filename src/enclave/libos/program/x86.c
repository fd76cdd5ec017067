#include "enclave/libos/program/x86.h"

/*
 * What follows an opcode, sixteen a line:
 *  n nothing         M ModRM           b byte           w two bytes       z two or four bytes
 *  B ModRM, byte     Z ModRM, z        v z, or eight    a an address      e three bytes
 *  r relative byte   R relative four   G, H F6 and F7, whose immediate depends on ModRM
 *  . no instruction, or dealt with before: prefixes and escapes
 */
static const char one_byte[] = "MMMMbz..MMMMbz.." /* 00 */
                               "MMMMbz..MMMMbz.."
                               "MMMMbz..MMMMbz.."
                               "MMMMbz..MMMMbz.."
                               "................" /* 40: REX */
                               "nnnnnnnnnnnnnnnn"
                               "...M....zZbBnnnn"
                               "rrrrrrrrrrrrrrrr"
                               "BZ.BMMMMMMMMMMMM" /* 80 */
                               "nnnnnnnnnn.nnnnn"
                               "aaaannnnbznnnnnn"
                               "bbbbbbbbvvvvvvvv"
                               "BBwn..BZenwnnb.n" /* C0 */
                               "MMMM...nMMMMMMMM"
                               "rrrrbbbbRR.rnnnn"
                               ".n..nnGHnnnnnnMM";

static const char after_0f[] = "MMMM.nnnnn.n.Mn." /* 00 */
                               "MMMMMMMMMMMMMMMM"
                               "MMMM....MMMMMMMM"
                               "nnnnnn.n........"
                               "MMMMMMMMMMMMMMMM" /* 40 */
                               "MMMMMMMMMMMMMMMM"
                               "MMMMMMMMMMMMMMMM"
                               "BBBBMMMn....MMMM"
                               "RRRRRRRRRRRRRRRR" /* 80 */
                               "MMMMMMMMMMMMMMMM"
                               "nnnMBM..nnnMBMMM"
                               "MMMMMMMMMMBMMMMM"
                               "MMBMBBBMnnnnnnnn" /* C0 */
                               "MMMMMMMMMMMMMMMM"
                               "MMMMMMMMMMMMMMMM"
                               "MMMMMMMMMMMMMMMM";
_Static_assert(sizeof one_byte == 257 && sizeof after_0f == 257, "one letter an opcode");

struct reader {
    const uint8_t *code;
    size_t size; /* at most X86_SIZE_MAX */
    size_t at;
    bool is_short; /* operands have 16 bits */
    bool is_wide;  /* 64 */
    struct x86_instruction *out;
};

static bool skip(struct reader *reader, size_t count)
{
    if (count > reader->size - reader->at)
        return false;
    reader->at += count;
    return true;
}

static bool next(struct reader *reader, uint8_t *byte)
{
    return skip(reader, 1) && (*byte = reader->code[reader->at - 1], true);
}

/* ModRM, SIB and the displacement. *field is the register's. */
static bool read_operand(struct reader *reader, uint8_t *field)
{
    uint8_t modrm, sib;
    if (!next(reader, &modrm))
        return false;
    uint8_t mode = modrm >> 6;
    uint8_t base = modrm & 7;
    *field = modrm >> 3 & 7;
    if (mode == 3)
        return true;
    if (base == 4) {
        if (!next(reader, &sib))
            return false;
        return skip(reader, mode == 1 ? 1 : mode == 2 || (sib & 7) == 5 ? 4 : 0);
    }
    reader->out->uses_rip = mode == 0 && base == 5;
    return skip(reader, mode == 1 ? 1 : mode == 2 || base == 5 ? 4 : 0);
}

static bool read_distance(struct reader *reader, size_t size)
{
    const uint8_t *from = reader->code + reader->at;
    if (!skip(reader, size))
        return false;
    reader->out->is_relative = true;
    if (size == 1)
        reader->out->distance = (*from ^ 0x80) - 0x80; /* its sign */
    else
        __builtin_memcpy(&reader->out->distance, from, sizeof reader->out->distance);
    return true;
}

static bool read_rest(struct reader *reader, char kind)
{
    size_t immediate = reader->is_short ? 2 : 4;
    uint8_t field = 0;
    if ((kind == 'M' || kind == 'B' || kind == 'Z' || kind == 'G' || kind == 'H') &&
        !read_operand(reader, &field))
        return false;
    switch (kind) {
    case 'n':
    case 'M':
        return true;
    case 'b':
    case 'B':
        return skip(reader, 1);
    case 'w':
        return skip(reader, 2);
    case 'e':
        return skip(reader, 3);
    case 'z':
    case 'Z':
        return skip(reader, immediate);
    case 'v':
        return skip(reader, reader->is_wide ? 8 : immediate);
    case 'a':
        return skip(reader, 8);
    case 'G':
        return skip(reader, field < 2 ? 1 : 0);
    case 'H':
        return skip(reader, field < 2 ? immediate : 0);
    case 'r':
        return read_distance(reader, 1);
    case 'R':
        return read_distance(reader, 4);
    default:
        return false;
    }
}

/* VEX and EVEX: `map` is 1 for 0F, 2 for 0F 38, 3 for 0F 3A, 5 and 6 those of FP16. */
static bool read_vector(struct reader *reader, uint8_t map)
{
    uint8_t opcode;
    if (!next(reader, &opcode) || map == 0 || map == 4 || map > 6)
        return false;
    if (map != 1)
        return read_rest(reader, map == 3 ? 'B' : 'M');
    char kind = after_0f[opcode];
    return (kind == 'M' || kind == 'B' || opcode == 0x77) && read_rest(reader, kind);
}

/* XOP, which an AMD processor may have. */
static bool read_xop(struct reader *reader)
{
    static const char kinds[] = {[8] = 'B', [9] = 'M', [10] = 'Z'};
    uint8_t map = reader->code[reader->at] & 0x1F;
    reader->is_short = false;
    return map < sizeof kinds && skip(reader, 3) && read_rest(reader, kinds[map]);
}

static bool read_escape(struct reader *reader)
{
    uint8_t opcode;
    if (!next(reader, &opcode))
        return false;
    reader->out->ends = opcode == 0x0B;
    if (opcode == 0x38)
        return next(reader, &opcode) && read_rest(reader, 'M');
    if (opcode == 0x3A)
        return next(reader, &opcode) && read_rest(reader, 'B');
    return read_rest(reader, after_0f[opcode]);
}

/* XBEGIN, in the place of a MOV to a register: where a transaction goes that fails. */
static bool is_xbegin(const struct reader *reader, uint8_t opcode)
{
    return opcode == 0xC7 && reader->at < reader->size && reader->code[reader->at] == 0xF8;
}

static bool read_opcode(struct reader *reader, uint8_t opcode)
{
    uint8_t payload;
    uint8_t ignored;
    if (opcode == 0x0F)
        return read_escape(reader);
    if (opcode == 0xC5)
        return next(reader, &payload) && read_vector(reader, 1);
    if (opcode == 0xC4)
        return next(reader, &payload) && next(reader, &ignored) &&
               read_vector(reader, payload & 0x1F);
    if (opcode == 0x62)
        return next(reader, &payload) && skip(reader, 2) && read_vector(reader, payload & 7);
    if (opcode == 0x8F && reader->at < reader->size && (reader->code[reader->at] & 0x38) != 0)
        return read_xop(reader);
    if (is_xbegin(reader, opcode))
        return skip(reader, 1) && read_distance(reader, 4);
    bool is_jump = opcode == 0xFF && reader->at < reader->size &&
                   (reader->code[reader->at] & 0x30) == 0x20;
    reader->out->ends = is_jump || opcode == 0xC3 || opcode == 0xC2 || opcode == 0xCB ||
                        opcode == 0xCA || opcode == 0xCC || opcode == 0xCF || opcode == 0xE9 ||
                        opcode == 0xEB || opcode == 0xF4;
    return read_rest(reader, one_byte[opcode]);
}

static bool is_prefix(uint8_t byte)
{
    return byte == 0x66 || byte == 0x67 || byte == 0xF0 || byte == 0xF2 || byte == 0xF3 ||
           (byte & 0xE7) == 0x26 || byte == 0x64 || byte == 0x65;
}

bool x86_read(const uint8_t *code, size_t size, struct x86_instruction *out)
{
    struct reader reader = {
        .code = code, .size = size < X86_SIZE_MAX ? size : X86_SIZE_MAX, .out = out};
    uint8_t byte;
    *out = (struct x86_instruction){0};
    do {
        if (!next(&reader, &byte))
            return false;
        reader.is_short = reader.is_short || byte == 0x66;
    } while (is_prefix(byte));
    if ((byte & 0xF0) == 0x40) { /* REX counts right before the opcode alone */
        reader.is_wide = (byte & 8) != 0;
        reader.is_short = reader.is_short && !reader.is_wide;
        if (!next(&reader, &byte))
            return false;
    }
    if (!read_opcode(&reader, byte))
        return false;
    out->size = (uint8_t)reader.at;
    return true;
}

/* Bytes that ModRM and what follows of its operand have, by its mode and base. A base of 4 has a
 * SIB, whose base may have a displacement more. */
static const uint8_t operand_sizes[32] = {1, 1, 1, 1, 2, 5, 1, 1, 2, 2, 2, 2, 3, 2, 2, 2,
                                          5, 5, 5, 5, 6, 5, 5, 5, 1, 1, 1, 1, 1, 1, 1, 1};

static size_t operand_size(const uint8_t *modrm)
{
    const uint8_t kind = (uint8_t)(modrm[0] >> 3 & 0x18) | (modrm[0] & 7);
    return operand_sizes[kind] + (kind == 4 && (modrm[1] & 7) == 5 ? 4U : 0U);
}

/* Most of compiled code, without a prefix but REX; 0 for all else. X86_SIZE_MAX bytes are there. */
static size_t common_size(const uint8_t *code)
{
    size_t at = (code[0] & 0xF0) == 0x40;
    const uint8_t opcode = code[at++];
    switch (opcode == 0x8F ? '.' : one_byte[opcode]) { /* POP, or XOP */
    case 'n':
        return at;
    case 'b':
    case 'r':
        return at + 1;
    case 'z':
    case 'R':
        return at + 4;
    case 'M':
        return at + operand_size(code + at);
    case 'B':
        return at + operand_size(code + at) + 1;
    case 'Z':
        return at + operand_size(code + at) + 4;
    default:
        return 0;
    }
}

size_t x86_size(const uint8_t *code, size_t size)
{
    struct x86_instruction whole;
    size_t found = size >= X86_SIZE_MAX ? common_size(code) : 0;
    if (found > 0)
        return found;
    return x86_read(code, size, &whole) ? whole.size : 0;
}
