export const handler = async ( => {
