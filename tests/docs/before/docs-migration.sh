[ -e program ] || . tests/docs/before/README.sh
rm -f /usr/local/lib/libnopoll.*
# /usr/local/lib comes before the folder of the system's own libraries. ldconfig, which notices that for
# the whole system, makes the links alone.
export LD_LIBRARY_PATH="/usr/local/lib:$PWD/theirs"
ldconfig () { /sbin/ldconfig -n /usr/local/lib; }
! ./program
